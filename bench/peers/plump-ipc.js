import { plumpBus, spawn } from '../plump-ipc.js'

const MODULE = new URL('../workers/plump-ipc.js', import.meta.url)
const BUS_MODULE = new URL('../workers/plump-ipc-bus.js', import.meta.url)

/**
 * @param options what differs from the defaults; the plain peer gives none
 */
export function plumpIpcPeer(options) {
  return {
    start({ workers = 1, bus = false } = {}) {
      const instance = spawn(bus ? BUS_MODULE : MODULE, {
        ...options,
        // 1 is the default; giving it would still be the default, but the bench stays plain.
        ...(workers === 1 ? {} : { workers }),
      })
      let listener = () => {}
      let listening
      const reports = []
      let reported = () => {}
      if (bus) {
        listening = plumpBus.setupAsyncListener((event) => {
          if (event.kind === 'report') {
            reports.push(event)
            reported()
          } else {
            listener(event)
          }
        })
      }
      return {
        ready: instance.ready(),
        call: (name, ...args) => instance.call(name, ...args),
        acall: (name, ...args) => instance.acall(name, ...args),
        move:
          instance.allocate === undefined
            ? undefined
            : (length) => {
                const block = instance.allocate(length)
                return { bytes: block.bytes, acall: (name) => instance.acall(name, block) }
              },
        keyed: takes(instance, { key: 'any' })
          ? (key, name, ...args) => instance.with({ key }).acall(name, ...args)
          : undefined,
        cancellable: takes(instance, { signal: new AbortController().signal })
          ? (name, ...args) => {
              const controller = new AbortController()
              return {
                answer: instance.with({ signal: controller.signal }).acall(name, ...args),
                cancel: () => controller.abort(),
              }
            }
          : undefined,
        listen: (callback) => (listener = callback),
        publish(event) {
          plumpBus.broadcast(event)
        },
        // Workers answer the event `end` with their report: a call reaches only one of them.
        async reports() {
          while (reports.length < workers) await new Promise((resolve) => (reported = resolve))
          return reports.splice(0)
        },
        async stop() {
          listening?.close()
          await instance.close()
        },
      }
    },
  }
}

/** Whether this version knows the option of a call: without it the session says that it does not offer this. */
function takes(instance, options) {
  try {
    instance.with(options)
    return true
  } catch (error) {
    if (error.code !== 'ERR_PLUMP_INVALID_OPTION') throw error
    return false
  }
}
