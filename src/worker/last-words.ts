// Why this worker ends, told to the host just before: the calls that it had begun are rejected with that as cause.

/**
 * Tells `say` once, when the process is about to end by an uncaught error or by `process.exit()`. `isOver` says that
 * the end was agreed with the host.
 */
export function installLastWords(say: (cause: unknown) => void, state: () => WorkerState): void {
  let uncaught: { readonly error: unknown } | undefined
  process.on('uncaughtExceptionMonitor', (error: unknown) => {
    // A program that has a handler of its own goes on living.
    if (process.listenerCount('uncaughtException') === 0) uncaught = { error }
  })
  process.on('exit', (exitCode) => {
    const now = state()
    if (now === 'over') return
    say(uncaught === undefined ? exitReason(exitCode, now) : uncaught.error)
  })
}

/**
 * `loading`: the module is being loaded. `initialising`: its init functions run. `over`: everything was answered, as the host
 * asked.
 */
export type WorkerState = 'loading' | 'initialising' | 'serving' | 'over'

const NEVER_DONE: Partial<Record<WorkerState, string>> = {
  loading:
    "The worker's module never finished loading: nothing is left that its top-level await could wait for.",
  initialising:
    'An init function of the worker never finished: nothing is left that it could wait for.',
}

/** An error whose stack leads to the call of `process.exit`. */
function exitReason(exitCode: number, state: WorkerState): Error {
  const error = new Error(`The worker called process.exit(${exitCode}).`)
  // An event loop that has run dry ends the process without a frame of the program's.
  const calledFrom = (error.stack ?? '').split('\n').filter((line) => /^ +at /.test(line))
  const exit = calledFrom.findIndex((line) => /at process\.(really)?exit /i.test(line))
  if (exit >= 0) {
    error.stack = [`${error.name}: ${error.message}`, ...calledFrom.slice(exit + 1)].join('\n')
  } else {
    error.message = NEVER_DONE[state] ?? `The worker's event loop ended with exit code ${exitCode}.`
    error.stack = `${error.name}: ${error.message}`
  }
  return error
}
