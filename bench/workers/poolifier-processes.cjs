// CommonJS, as the workers of its own cluster benchmark: while an ES module loads, the first message of the pool is
// lost and the worker never becomes ready (5.3.2, Node 20).
'use strict'

const { ClusterWorker } = require('poolifier')

const [workers, ...names] = process.argv.slice(2)
const loading = import('../tasks.js')
let tasks

// Each task function takes one value: the list of arguments. With keys there is one more of each name for every
// worker, which only that worker is given.
const functions = {}
for (const name of names) {
  const taskFunction = async (args) => (tasks ??= await loading)[name](...args)
  functions[name] = taskFunction
  for (let worker = 0; worker < Number(workers); worker++) {
    functions[`${name}@${worker}`] = { taskFunction, workerNodeKeys: [worker] }
  }
}

module.exports = new ClusterWorker(functions)
