import { runAsWorker } from 'synckit'
import * as tasks from '../tasks.js'

runAsWorker((name, ...args) => tasks[name](...args))
