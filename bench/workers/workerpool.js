import workerpool from 'workerpool'
import { publishFor } from '../events.js'
import * as tasks from '../tasks.js'

workerpool.worker({
  ...tasks,
  publishFor: (ms) => publishFor(ms, (event) => workerpool.workerEmit(event)),
})
