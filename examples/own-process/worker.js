// A program of its own that becomes a worker by runWorker().

import { plump } from 'plump-ipc'

plump.command('double', (n) => n * 2)
plump.command('pid', () => process.pid)
plump.runWorker()
