// What the timing loops themselves cost: the same function in the same thread, behind a promise where the peers have
// one.
import * as tasks from '../tasks.js'

export default {
  start: () => ({
    call: (name, ...args) => tasks[name](...args),
    acall: async (name, ...args) => tasks[name](...args),
    stop: () => {},
  }),
}
