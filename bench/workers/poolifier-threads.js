import { ThreadWorker } from 'poolifier'
import * as tasks from '../tasks.js'

// Each task function takes one value: the list of arguments. With keys there is one more of each name for every
// worker, which only that worker is given.
const [workers, ...names] = process.argv.slice(2)
const functions = {}
for (const name of names) {
  const taskFunction = (args) => tasks[name](...args)
  functions[name] = name === 'countLater' ? async (args) => taskFunction(args) : taskFunction
  for (let worker = 0; worker < Number(workers); worker++) {
    functions[`${name}@${worker}`] = { taskFunction: functions[name], workerNodeKeys: [worker] }
  }
}

export default new ThreadWorker(functions)
