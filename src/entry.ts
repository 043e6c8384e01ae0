// What the build divides into dist/worker.cjs, the program of a worker with all that it needs for plain calls, and
// dist/index.cjs, the public surface and what only a host needs, on top of it.

import './worker/main.js'

export * from './index.js'
