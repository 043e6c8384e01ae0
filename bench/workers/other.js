// Runs what it is sent, for `mixed`: a process that uses a CPU beside the workers.
import { spin } from '../tasks.js'

process.on('message', (us) => process.send(spin(us)))
process.on('disconnect', () => process.exit())
