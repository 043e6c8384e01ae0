// Every peer in the order of the tables: what it offers is known before it is loaded, and it is
// loaded only by the process that measures it, so that a package that is missing or breaks at
// load is one line in the table and nothing else. `check.js` compares this list with the adapters.
//
// call, acall      calls that block, calls that return promises
// move             a payload that is moved instead of cloned
// listen, publish  events from the worker to the host, from the host to its workers
// pool             several workers behind one `acall`, which chooses among them
// keys             calls of one key on one worker, one at a time, in their order: by the peer's own means, or by what
//                  its users build for it (peers/by-key.js)
// cancel           calls that can be cancelled, by the peer's own means
// blocking-start   start() does its work before it returns, so its duration means something

const PLUMP_IPC = [
  'call',
  'acall',
  'move',
  'listen',
  'publish',
  'pool',
  'keys',
  'cancel',
  'blocking-start',
]
/** What all pools offer, hand-written ones too. */
const POOL = ['acall', 'pool', 'keys', 'blocking-start']

export const PEERS = new Map()

function peer(name, kind, offers, load, { variant = false } = {}) {
  PEERS.set(name, { name, kind, offers, load, variant })
}

function plumpIpc(name, options, settings) {
  const load = async () => (await import('./peers/plump-ipc.js')).plumpIpcPeer(options)
  peer(name, 'process', PLUMP_IPC, load, settings)
}

const file = (name) => async () => (await import(`./peers/${name}.js`)).default

// plump-ipc as it comes, then the variants that single workloads ask for by name.
plumpIpc('plump-ipc', {})
plumpIpc('plump-ipc-pipe', { channel: 'pipe' }, { variant: true })
plumpIpc('plump-ipc-trusted', { trusted: true }, { variant: true })
plumpIpc('plump-ipc-spin50', { spinUs: 50 }, { variant: true })
plumpIpc('plump-ipc-spin0', { spinUs: 0 }, { variant: true })

// Threads.
peer('worker-threads', 'thread', [...POOL, 'move', 'listen', 'publish'], file('worker-threads'))
peer('piscina', 'thread', [...POOL, 'move', 'cancel'], file('piscina'))
peer('tinypool-threads', 'thread', [...POOL, 'move', 'cancel'], async () =>
  (await import('./peers/tinypool.js')).tinypoolPeer('worker_threads'),
)
peer('workerpool-threads', 'thread', [...POOL, 'move', 'listen', 'cancel'], async () =>
  (await import('./peers/workerpool.js')).workerpoolPeer('thread'),
)
peer('poolifier-threads', 'thread', [...POOL, 'move', 'cancel'], async () =>
  (await import('./peers/poolifier.js')).poolifierPeer('thread'),
)
peer('jest-worker-threads', 'thread', POOL, async () =>
  (await import('./peers/jest-worker.js')).jestWorkerPeer(true),
)
peer('synckit', 'thread', ['call', 'blocking-start'], file('synckit'))
peer('atomics-wait', 'thread', ['call', 'blocking-start'], file('atomics-wait'))

// Processes.
peer('fork-json', 'process', [...POOL, 'listen', 'publish'], async () =>
  (await import('./peers/fork.js')).forkPeer('json'),
)
peer('fork-advanced', 'process', [...POOL, 'listen', 'publish'], async () =>
  (await import('./peers/fork.js')).forkPeer('advanced'),
)
peer('tinypool-processes', 'process', [...POOL, 'cancel'], async () =>
  (await import('./peers/tinypool.js')).tinypoolPeer('child_process'),
)
peer('workerpool-processes', 'process', [...POOL, 'listen', 'cancel'], async () =>
  (await import('./peers/workerpool.js')).workerpoolPeer('process'),
)
peer('poolifier-processes', 'process', [...POOL, 'cancel'], async () =>
  (await import('./peers/poolifier.js')).poolifierPeer('process'),
)
peer('jest-worker-processes', 'process', POOL, async () =>
  (await import('./peers/jest-worker.js')).jestWorkerPeer(false),
)
peer('unix-socket', 'process', ['acall', 'listen', 'publish'], file('unix-socket'))
peer('zeromq', 'process', ['acall', 'listen', 'publish'], file('zeromq'))
peer('python-plumpipc', 'process', ['call', 'acall', 'listen'], file('python-plumpipc'))

const POOLS = ['piscina', 'tinypool', 'workerpool', 'poolifier', 'jest-worker']

/** Whether a peer is a pool that one can install; bare threads choose no worker, limit nothing and cancel nothing. */
export function isPool(name) {
  return POOLS.some((pool) => name.startsWith(pool))
}

// Floors, not peers: what copying costs inside one thread, and what the timing loops cost by themselves.
peer('memcpy', 'floor', ['copy'], file('memcpy'))
peer('local', 'floor', ['call', 'acall'], file('local'))
