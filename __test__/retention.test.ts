import test from 'ava'
import { getEventListeners } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { PlumpIPC, PlumpQueue } from '../src/index.js'
import { Outgoing } from '../src/codec/outgoing.js'
import { encodeStructured } from '../src/codec/structured.js'
import { codec as reversedJson } from './fixtures/own-codec.mjs'
import { fixture, options, start, until } from './start.js'

interface Commands {
  notice(value: { list: number[] }): { size: number }
  noticeLater(value: { list: number[] }): Promise<{ size: number }>
  fail(value: { list: number[] }): void
  left(): Promise<number>
  make(size: number): { list: number[] }
  sleep(ms: number): void
  bytes(count: number): Buffer
  broadcast(name: string, count: number, bytes: number): void
}

// One after the other: another call would take the place of what the last one left.
setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

const isGone = (refs: readonly WeakRef<object>[]): Promise<boolean> =>
  until(() => {
    gc()
    return refs.every((ref) => ref.deref() === undefined)
  })

test.serial('an instance keeps no answer that its caller has let go of', async (t) => {
  const plump = start<Commands>(t, 'retention.mjs')
  const refs: WeakRef<object>[] = []
  const use = async (): Promise<void> => {
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => plump.acall('make', i)))
    refs.push(...answers.map((answer) => new WeakRef(answer)), new WeakRef(plump.call('make', 1)))
  }
  await use()
  t.is(refs.length, 41)
  t.true(await isGone(refs))
})

test.serial(
  'an instance keeps no error and no reason of a call that failed or was given up',
  async (t) => {
    const plump = start<Commands>(t, 'retention.mjs')
    const refs: WeakRef<object>[] = []
    const failed = async (call: Promise<unknown>): Promise<void> => {
      refs.push(new WeakRef((await t.throwsAsync(call))!))
    }
    const use = async (): Promise<void> => {
      const controllers = Array.from({ length: 20 }, () => new AbortController())
      const calls = controllers.map(({ signal }) => plump.with({ signal }).acall('sleep', 1))
      const reason = { why: 'as asked' }
      refs.push(new WeakRef(reason))
      for (const controller of controllers) controller.abort(reason)
      await Promise.all([...calls, plump.acall('fail', { list: [] })].map(failed))
    }
    await use()
    t.is(refs.length, 22)
    t.true(await isGone(refs))
  },
)

test.serial('a worker keeps neither the arguments nor the answer of a call', async (t) => {
  const plump = start<Commands>(t, 'retention.mjs', { execArgv: ['--expose-gc'] })
  const list = [1, 2, 3]
  for (let i = 0; i < 5; i++) t.is((await plump.acall('notice', { list })).size, 3)
  await Promise.all(Array.from({ length: 40 }, () => plump.acall('noticeLater', { list })))
  await t.throwsAsync(plump.acall('fail', { list }))
  t.is(plump.call('notice', { list }).size, 3)
  // A sliding look: what runs now may still have what ran just before on its stack.
  let left = -1
  for (let i = 0; i < 50 && left !== 0; i++) left = await plump.acall('left')
  t.is(left, 0)
})

test.serial('nothing keeps a closed instance and its codec', async (t) => {
  t.timeout(60_000)
  const use = async (): Promise<WeakRef<object>[]> => {
    const codec = { ...reversedJson }
    const plump = new PlumpIPC(options())
    plump.useCodec(codec).start(fixture('uses-own-codec.mjs'))
    // Many at once: each of them leaves a place for the next, which is another instance's.
    await Promise.all(Array.from({ length: 40 }, () => plump.acall('echo', 1)))
    await plump.close()
    return [new WeakRef(plump), new WeakRef(codec)]
  }
  t.true(await isGone(await use()))
})

test.serial('a call that is refused at once leaves no listener on its signal', async (t) => {
  const plump = start<Commands>(t, 'retention.mjs', { maxQueue: 1 })
  await plump.ready()
  const { signal } = new AbortController()
  const calls = plump.with({ signal })
  const outcomes = await Promise.allSettled(
    Array.from({ length: 100 }, () => calls.acall('sleep', 1)),
  )
  const refused = outcomes.filter(({ status }) => status === 'rejected')
  t.true(refused.length > 10)
  t.deepEqual(getEventListeners(signal, 'abort'), [])
})

test.serial('large events that nobody hears any more do not pile up', async (t) => {
  const plump = start<Commands>(t, 'retention.mjs')
  await plump.ready()
  const round = async (): Promise<void> => {
    using queue = new PlumpQueue({ name: 'retention' })
    plump.call('broadcast', queue.name, 8, 1024 ** 2)
    t.true(await until(() => queue.stats().received === 8))
    // All of them are on their way to the first listener, which closes with the first one.
    await new Promise<void>((resolve) => {
      const listener = queue.setupAsyncListener(() => {
        listener.close()
        resolve()
      })
    })
  }
  for (let i = 0; i < 5; i++) await round()
  gc()
  const before = process.memoryUsage().rss
  for (let i = 0; i < 25; i++) await round()
  gc()
  t.true(process.memoryUsage().rss - before < 100 * 1024 ** 2)
})

const descriptors = (): number =>
  existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0

test.serial('a result that is kept holds nothing else of the worker it came from', async (t) => {
  // What this process has once for all instances.
  await start(t, 'retention.mjs').close()
  const before = descriptors()
  const plump = start<Commands>(t, 'retention.mjs', { trusted: true, maxCalls: 1 })
  const kept: Buffer[] = []
  for (let i = 0; i < 8; i++) kept.push(await plump.acall('bytes', 300_000 + i))
  await plump.close()
  t.true(await until(() => descriptors() <= before))
  for (const [i, bytes] of kept.entries()) {
    const count = 300_000 + i
    t.true(bytes.equals(Buffer.alloc(count, count % 251)))
  }
})

test.serial('a queue that the program has lost collects nothing more', async (t) => {
  const plump = start<Commands>(t, 'retention.mjs')
  await plump.ready()
  const round = async (number: number): Promise<void> => {
    const queue = new PlumpQueue({ name: `retention ${number}` })
    plump.call('broadcast', queue.name, 8, 1024 ** 2)
    t.true(await until(() => queue.stats().received === 8))
  }
  const rounds = async (from: number, to: number): Promise<number> => {
    for (let i = from; i < to; i++) {
      await round(i)
      gc()
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
    return process.memoryUsage().rss
  }
  const before = await rounds(0, 5)
  t.true((await rounds(5, 30)) - before < 100 * 1024 ** 2)
})

test.serial('a message of many objects leaves nothing of its size behind', (t) => {
  const encode = (count: number): number => {
    const out = new Outgoing()
    const limits = { maxDepth: 10, maxPayloadBytes: 1024 ** 3 }
    encodeStructured(
      Array.from({ length: count }, (_, i) => ({ i })),
      out,
      limits,
    )
    gc()
    gc()
    return process.memoryUsage().heapUsed
  }
  encode(10)
  const before = encode(10)
  encode(1_000_000)
  t.true(encode(10) - before < 4 * 1024 ** 2)
})
