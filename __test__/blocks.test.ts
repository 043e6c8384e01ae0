import test from 'ava'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { channel, start, until } from './start.js'

interface Commands {
  digest(bytes: Uint8Array): string
  length(bytes: Uint8Array): number
  make(length: number, seed: number): Buffer
  echo<T>(value: T): T
  keep(bytes: Uint8Array): number
  digestOfKept(index: number): string
  forget(): void
  digestInThread(bytes: Uint8Array): [string, number]
  die(): void
  add(a: number, b: number): number
}
const MIB = 1024 ** 2

const digest = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex')

/** Every page is different, and so is every seed. */
function filled(length: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length).fill(seed % 251)
  for (let at = 0; at + 4 <= length; at += 1000) bytes.writeUInt32LE((at * 31 + seed) >>> 0, at)
  return bytes
}

/** The sparse memory files of this process: what they take, bytes, without their page of words. */
function memoryFiles(): Map<number, number> {
  const files = new Map<number, number>()
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      if (!readlinkSync(`/proc/self/fd/${name}`).startsWith('/memfd:plump-ipc')) continue
      const { ino, size, blocks } = statSync(`/proc/self/fd/${name}`)
      // The rings are small and whole.
      if (size > 2 * MIB) files.set(ino, blocks * 512 - 4096)
    } catch {
      // Closed meanwhile.
    }
  }
  return files
}

/** Begins to watch: returns what the blocks of instances made from now on take, bytes. */
function watchBlocks(): () => number {
  if (process.platform !== 'linux') return () => 0
  // What an earlier test was shown without a copy lives until it is collected.
  const before = memoryFiles()
  return () => {
    let sum = 0
    for (const [file, bytes] of memoryFiles()) if (!before.has(file)) sum += bytes
    return sum
  }
}

/** What a process has of the memory for copies, bytes. Of what says whether it wants large pages, nothing else is large. */
function copiesOf(pid: number): number {
  const maps = readFileSync(`/proc/${pid}/smaps`, 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
  const wanting = maps.filter((map) => /^VmFlags:.* (hg|nh)\b/m.test(map))
  const sizes = wanting.map((map) => Number(/^Rss: +(\d+) kB$/m.exec(map)![1]) * 1024)
  return sizes.filter((bytes) => bytes >= MIB).reduce((sum, bytes) => sum + bytes, 0)
}

/** Whether this run of the suite has blocks at all. */
const hasBlocks = process.platform === 'linux' && channel !== 'pipe'

// One after the other: they look at what this process holds.
test.serial('64 MiB reach the worker and come back as they were', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs')
  for (const seed of [1, 2, 3]) {
    const bytes = filled(64 * MIB + seed, seed)
    const wanted = digest(bytes)
    t.is(await plump.acall('digest', bytes), wanted)
    t.is(plump.call('digest', bytes), wanted)
    t.is(digest((await plump.acall('echo', bytes)) as Buffer), wanted)
    t.is(digest(plump.call('echo', bytes) as Buffer), wanted)
  }
})

test.serial('the event loop goes on between large calls that are answered at once', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs')
  const bytes = filled(64 * MIB, 1)
  await plump.acall('length', bytes)
  // A turn shows in one of two phases, whichever comes first after the call: that of timers or that of immediates.
  let turns = 0
  const immediate = (): void => {
    turns++
    nextImmediate = setImmediate(immediate)
  }
  const timer = (): void => {
    turns++
    nextTimer = setTimeout(timer, 1)
  }
  let nextImmediate = setImmediate(immediate)
  let nextTimer = setTimeout(timer, 1)
  t.teardown(() => {
    clearImmediate(nextImmediate)
    clearTimeout(nextTimer)
  })
  for (let call = 0; call < 40; call++) {
    const before = turns
    t.is(await plump.acall('length', bytes), bytes.length)
    t.not(turns, before, `call ${call}`)
  }
})

test.serial('sizes around every limit arrive as they were', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs')
  const edges = [64 * 1024, 128 * 1024, 256 * 1024, MIB]
  const sizes = edges.flatMap((edge) => [-40, -1, 0, 1, 40].map((more) => edge + more))
  await Promise.all(
    sizes.map(async (size, seed) => {
      const bytes = filled(size, seed)
      const back = (await plump.acall('echo', bytes)) as Buffer
      t.true(back.equals(bytes), `${size} bytes`)
    }),
  )
})

test.serial(
  'many typed arrays of all kinds arrive together, each with its own bytes',
  async (t) => {
    const plump = start<Commands>(t, 'buffers.mjs')
    const kinds = [Uint8Array, Int16Array, Uint32Array, Float32Array, Float64Array, BigInt64Array]
    const value = {
      text: 'x'.repeat(300_000),
      arrays: Array.from({ length: 60 }, (_, index) => {
        const Kind = kinds[index % kinds.length]!
        const bytes = filled(100_000 + index * Kind.BYTES_PER_ELEMENT * 8, index)
        const length = Math.floor(bytes.length / Kind.BYTES_PER_ELEMENT)
        return new Kind(bytes.buffer as ArrayBuffer, 0, length)
      }),
    }
    for (let round = 0; round < 3; round++) {
      const back = (await plump.acall('echo', value)) as typeof value
      t.is(back.text, value.text)
      for (const [index, array] of value.arrays.entries()) {
        const got = back.arrays[index]!
        t.is(got.constructor, array.constructor)
        const bytes = (view: ArrayBufferView): Buffer =>
          Buffer.from(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength)
        t.true(bytes(got).equals(bytes(array)), `array ${index}`)
      }
    }
  },
)

test.serial('large texts arrive, and what was read of them holds no memory', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs')
  const text = `${'ä'.repeat(1_000_000)}end`
  for (let i = 0; i < 20; i++) t.is(await plump.acall('echo', text), text)
})

test.serial(
  '200 buffers of 64 MiB are sent without waiting for a garbage collection',
  async (t) => {
    const plump = start<Commands>(t, 'buffers.mjs')
    t.timeout(110_000)
    const bytes = filled(64 * MIB, 9)
    const wanted = digest(bytes)
    for (let i = 0; i < 100; i++) {
      await plump.acall('keep', bytes)
      if (i % 5 < 4) continue
      t.is(await plump.acall('digestOfKept', i % 3), wanted)
      await plump.acall('forget')
    }
    for (let i = 0; i < 100; i++)
      plump.call('add', 1, (plump.call('make', 64 * MIB, i) as Buffer)[0]!)
    t.is(plump.call('digest', bytes), wanted)
  },
)

test.serial(
  'buffers that the worker keeps stay as they are when more come than the blocks can hold',
  async (t) => {
    const plump = start<Commands>(t, 'buffers.mjs', { maxBlockBytes: 16 * MIB })
    const all = Array.from({ length: 24 }, (_, seed) => filled(2 * MIB, seed))
    for (const bytes of all) await plump.acall('keep', bytes)
    for (const [index, bytes] of all.entries()) {
      t.is(await plump.acall('digestOfKept', index), digest(bytes))
    }
  },
)

test.serial('more in flight than the blocks can hold arrives all the same', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs', { workers: 2, maxBlockBytes: 8 * MIB })
  const all = Array.from({ length: 40 }, (_, seed) => filled(3 * MIB, seed))
  const back = await Promise.all(all.map((bytes) => plump.acall('echo', bytes)))
  for (const [index, bytes] of all.entries()) t.true((back[index] as Buffer).equals(bytes))
})

test.serial(
  'a payload that is larger than all blocks arrives, and small calls do not wait for it',
  async (t) => {
    const plump = start<Commands>(t, 'buffers.mjs', { maxBlockBytes: 32 * MIB })
    const bytes = filled(256 * MIB, 3)
    const order: string[] = []
    const large = plump.acall('length', bytes).then((length) => {
      order.push('large')
      return length
    })
    for (let i = 0; i < 5; i++) t.is(await plump.acall('add', i, 1), i + 1)
    order.push('small')
    t.is(await large, bytes.length)
    t.deepEqual(order, ['small', 'large'])
    t.is(await plump.acall('digest', bytes), digest(bytes))
  },
)

test.serial('without blocks everything goes through the channel', async (t) => {
  const blockBytes = watchBlocks()
  const plump = start<Commands>(t, 'buffers.mjs', { maxBlockBytes: 0 })
  const bytes = filled(5 * MIB, 3)
  t.true(((await plump.acall('echo', bytes)) as Buffer).equals(bytes))
  t.is(blockBytes(), 0)
})

test.serial(
  'a result belongs to the host alone: the worker cannot change it any more',
  async (t) => {
    const plump = start<Commands>(t, 'buffers.mjs')
    const first = await plump.acall('make', 4 * MIB, 1)
    const before = digest(first)
    // The next results of the same size use the same block.
    for (let seed = 2; seed < 6; seed++) await plump.acall('make', 4 * MIB, seed)
    t.is(digest(first), before)
  },
)

test.serial('results of a trusted worker stay as they are, also after its death', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs', { trusted: true })
  const results = []
  for (let seed = 0; seed < 12; seed++) results.push(await plump.acall('make', 16 * MIB, seed))
  const digests = results.map(digest)
  await t.throwsAsync(plump.acall('die'), { code: 'ERR_PLUMP_WORKER_KILLED' })
  t.is(await plump.acall('add', 1, 2), 3, 'another worker has been started')
  t.deepEqual(results.map(digest), digests)
  t.is(new Set(digests).size, digests.length)
})

test.serial('a worker that dies with blocks of the host leaves nothing behind', async (t) => {
  const blockBytes = watchBlocks()
  const plump = start<Commands>(t, 'buffers.mjs')
  const bytes = filled(16 * MIB, 1)
  for (let round = 0; round < 3; round++) {
    await plump.acall('keep', bytes)
    if (hasBlocks) t.true(blockBytes() >= 16 * MIB)
    await t.throwsAsync(plump.acall('die'), { code: 'ERR_PLUMP_WORKER_KILLED' })
    t.true(blockBytes() < 16 * MIB)
  }
})

test.serial('memory of blocks is given back when they are idle', async (t) => {
  const blockBytes = watchBlocks()
  const plump = start<Commands>(t, 'buffers.mjs', { blockIdleMs: 500 })
  // Looked for from now on: nobody knows how long a busy machine takes from the answer to here.
  const taken = until(() => blockBytes() > 20 * MIB)
  t.true(((await plump.acall('echo', 'x'.repeat(20 * MIB))) as string).length === 20 * MIB)
  if (hasBlocks) t.true(await taken)
  // Of both directions: what the worker sends in is given back by the worker's own thread.
  t.true(await until(() => blockBytes() === 0))
  t.is(((await plump.acall('echo', 'y'.repeat(20 * MIB))) as string).length, 20 * MIB)
})

test.serial('at rest blocks take no memory', async (t) => {
  const blockBytes = watchBlocks()
  const plump = start<Commands>(t, 'buffers.mjs')
  t.is(await plump.acall('add', 1, 2), 3)
  t.is(blockBytes(), 0)
  if (!hasBlocks) return
  const maps = readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
  const ours = maps.filter(
    (map) => map.includes('/memfd:plump-ipc') && /^Size: +\d{6,} kB$/m.test(map),
  )
  t.true(ours.length >= 2)
  for (const map of ours) t.true(Number(/^Rss: +(\d+) kB$/m.exec(map)![1]) <= 8, map)
})

test.serial('a call that timed out gives its block back', async (t) => {
  const blockBytes = watchBlocks()
  const plump = start<Commands>(t, 'buffers.mjs', { maxBlockBytes: 16 * MIB, blockIdleMs: 20 })
  await plump.ready()
  for (let i = 0; i < 5; i++)
    await plump
      .with({ timeoutMs: 1 })
      .acall('make', 8 * MIB, i)
      .catch((error: Error) => t.is((error as { code?: string }).code, 'ERR_PLUMP_CALL_TIMEOUT'))
  t.is((await plump.acall('make', 8 * MIB, 7)).length, 8 * MIB)
  t.true(await until(() => blockBytes() === 0))
})

test.serial(
  'results stay as they are while others come, whichever way they are shown',
  async (t) => {
    for (const options of [{}, { trusted: true }]) {
      const plump = start<Commands>(t, 'buffers.mjs', options)
      const kept: { bytes: Buffer; wanted: string }[] = []
      for (let seed = 0; seed < 24; seed++) {
        const bytes = filled(17 * MIB, seed)
        const back = seed % 3 === 0 ? plump.call('echo', bytes) : await plump.acall('echo', bytes)
        t.true(bytes.equals(back as Buffer), `${seed}`)
        // Some live on, some are collected and leave their memory to others.
        if (seed % 4 === 0) kept.push({ bytes: back as Buffer, wanted: digest(bytes) })
      }
      for (const { bytes, wanted } of kept) t.is(digest(bytes), wanted)
    }
  },
)

test.serial('arguments stay as they are while others come', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs')
  const all = Array.from({ length: 12 }, (_, seed) => filled(17 * MIB, seed))
  for (const [index, bytes] of all.entries()) {
    t.is(await plump.acall('digest', bytes), digest(bytes))
    if (index % 2 === 0) await plump.acall('keep', bytes)
  }
  for (let index = 0; index < 12; index += 2) {
    t.is(await plump.acall('digestOfKept', index / 2), digest(all[index]!))
  }
})

test.serial('memory of copies is used again, and given back when it is idle', async (t) => {
  if (!hasBlocks) {
    t.pass('there are no blocks')
    return
  }
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  gc()
  await new Promise(setImmediate)
  // What other tests left in this process, which the allocator of the system may have kept.
  const before = copiesOf(process.pid)
  const plump = start<Commands>(t, 'buffers.mjs', { blockIdleMs: 500, execArgv: ['--expose-gc'] })
  const pid = (await plump.ready(), plump.stats().workers[0]!.pid!)
  // An asynchronous function keeps the last of them alive as long as it runs.
  const use = async (): Promise<void> => {
    for (let seed = 0; seed < 8; seed++) {
      t.is((await plump.acall('make', 20 * MIB, seed)).length, 20 * MIB)
      gc()
      await new Promise(setImmediate)
    }
  }
  await use()
  const taken = copiesOf(process.pid) - before
  t.true(taken >= 20 * MIB && taken <= 4 * 22 * MIB, `eight results in ${taken >> 20} MiB`)
  const isCollected = (): boolean => {
    gc()
    return copiesOf(process.pid) <= before
  }
  t.true(await until(isCollected))

  // A worker that keeps half of what it may shows copies, too.
  for (let seed = 0; seed < 8; seed++) await plump.acall('keep', filled(40 * MIB, seed))
  t.true(copiesOf(pid) >= 40 * MIB)
  t.is(await plump.acall('digestOfKept', 5), digest(filled(40 * MIB, 5)))
  await plump.acall('forget')
  t.true(await until(() => copiesOf(pid) === 0))
})

test.serial(
  'thousands of results without a turn of the event loop take no more than the limit',
  (t) => {
    const plump = start<Commands>(t, 'buffers.mjs', { maxBlockBytes: 32 * MIB })
    const before = process.memoryUsage.rss()
    let most = 0
    for (let seed = 0; seed < 1500; seed++) {
      t.is((plump.call('make', 2 * MIB, seed) as Buffer)[0], seed % 251)
      most = Math.max(most, process.memoryUsage.rss() - before)
    }
    t.true(most < 512 * MIB, `${most >> 20} MiB`)
  },
)

test.serial('large results can go on to a thread', async (t) => {
  const thread = new Worker(
    `const { createHash } = require('node:crypto')
     const { parentPort } = require('node:worker_threads')
     const kept = []
     parentPort.on('message', (bytes) => {
       kept.push(bytes)
       parentPort.postMessage(kept.map((one) => createHash('sha1').update(one).digest('hex')))
     })`,
    { eval: true },
  )
  t.teardown(() => thread.terminate())
  for (const options of [{}, { trusted: true }]) {
    const plump = start<Commands>(t, 'buffers.mjs', options)
    for (const [seed, size] of [200_000, 2 * MIB, 20 * MIB, 20 * MIB, 20 * MIB].entries()) {
      const bytes = await plump.acall('make', size, seed)
      const wanted = digest(bytes)
      const answer = once(thread, 'message')
      thread.postMessage(bytes, [bytes.buffer as ArrayBuffer])
      // Before Node 21 nothing can move what Node-API has made: it is copied.
      t.true(bytes.length === 0 || !('transfer' in ArrayBuffer.prototype))
      const [digests] = (await answer) as [string[]]
      t.is(digests.at(-1), wanted)
    }
  }
})

test.serial('large arguments can go on to a thread', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs')
  for (const size of [200_000, 2 * MIB, 20 * MIB]) {
    const bytes = filled(size, size)
    const moved = await plump.acall('digestInThread', bytes)
    t.deepEqual(moved, [digest(bytes), 'transfer' in ArrayBuffer.prototype ? 0 : size])
  }
})
