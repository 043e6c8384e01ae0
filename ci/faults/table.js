// Every fault: what the package promises and would not keep with it, how it is made, and who must notice.

/**
 * @typedef {object} Fault
 * @property {string} name
 * @property {string} line what the package promises, and does not do with this fault
 * @property {string} file where the fault is
 * @property {string} find text that stands there exactly once
 * @property {string} replace what stands there with the fault
 * @property {{ file?: string, find: string, replace: string }[]} [also] further edits of the same fault
 * @property {string[]} [tests] files of `__test__` that must fail, over every channel
 * @property {string[]} [match] titles of the tests that are run, patterns of ava; all of the files if not given
 * @property {string[]} [core] instead of `tests`: names of tests of plump-core, for what no test of the package can arrange
 * @property {boolean} [types] instead of `tests`: the type tests must not compile
 * @property {boolean} [hangs] with the fault a test does not end
 */

const HOST = 'crates/plump-core/src/host'
const CORE = 'crates/plump-core/src'

/** @type {Fault[]} */
export const table = [
  // --- pool -----------------------------------------------------------------------------------------------------
  {
    name: 'least-loaded',
    line: 'a call goes to the worker that has the fewest',
    file: `${HOST}/sending.rs`,
    find: 'let load = worker.window.in_flight();',
    replace: 'let load = 1;',
    tests: ['balance.test.ts'],
  },
  {
    name: 'give-back',
    line: 'what lies in a worker behind a long call is run by another one',
    file: `${HOST}/balancing.rs`,
    find: 'if asked.iter().all(|id| Some(*id) == oldest) {',
    replace: 'if !asked.is_empty() {',
    tests: ['balance.test.ts'],
    match: ['a call that never seems to end*', 'a worker that has nothing to do*'],
    hangs: true,
  },
  // --- back-pressure --------------------------------------------------------------------------------------------
  {
    name: 'max-queue',
    line: 'above maxQueue a call is rejected',
    file: `${CORE}/queue_limits.rs`,
    find: 'let is_full = queued.calls >= max_calls;',
    replace: 'let is_full = false;',
    tests: ['queue.test.ts', 'call.test.ts'],
    match: ['whenFull: reject, or wait*', 'more calls than maxQueue*'],
  },
  {
    name: 'max-queue-bytes',
    line: 'above maxQueueBytes a call is rejected, whatever whenFull says',
    file: `${CORE}/queue_limits.rs`,
    find: 'if queued.calls > 0 && with_it.bytes() > max_bytes {',
    replace: 'if false {',
    tests: ['queue.test.ts'],
    match: ['whenFull: wait rejects above*'],
  },
  // --- types ----------------------------------------------------------------------------------------------------
  {
    name: 'type-of-workers',
    line: "workers may be a number, 'auto' or a range",
    file: 'src/options.ts',
    find: "  workers?: number | 'auto' | WorkerRange",
    replace: '  workers?: number | WorkerRange',
    types: true,
  },
]
