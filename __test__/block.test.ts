// Memory that the program fills before it sends it.

import test from 'ava'
import { createHash } from 'node:crypto'
import { readdirSync, readlinkSync, statSync } from 'node:fs'
import { types } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { PlumpIPC, PlumpSerializationError, type PlumpBlock } from '../src/index.js'
import { codec as bytesCodec } from './fixtures/bytes-codec.mjs'
import { codec as reversed } from './fixtures/own-codec.mjs'
import { channel, fixture, start, until } from './start.js'

interface Commands {
  digest(bytes: Uint8Array): string
  length(bytes: Uint8Array): number
  echo<T>(value: T): T
  keep(bytes: Uint8Array): number
  digestOfKept(index: number): string
  forget(): void
  die(): void
  add(a: number, b: number): number
  take(...args: unknown[]): [string, number, string][]
  areShared(a: Uint8Array, b: Uint8Array): boolean
  asFloats(bytes: Uint8Array): number
  writeToMappings(): Promise<{ tried: number; written: number }>
  sleep(ms: number): Promise<void>
}
type CodedError = Error & { code?: string }
const MIB = 1024 ** 2
/** Whether workers can be handed memory here at all. */
const hands = process.platform === 'linux' && channel !== 'pipe'

const digest = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex')
const gone = { instanceOf: PlumpSerializationError, code: 'ERR_PLUMP_BLOCK_GONE' }

function fill(bytes: Uint8Array, seed: number): string {
  bytes.fill(seed)
  for (let at = 0; at < bytes.length; at += 1013) bytes[at] = (at * 31 + seed) % 251
  return digest(bytes)
}

/** Bytes that memory files of this process have behind them which are as large as that at least. */
function held(atLeast: number): number {
  if (!hands) return 0
  const files = new Map<number, number>()
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      const path = `/proc/self/fd/${name}`
      if (!readlinkSync(path).startsWith('/memfd:plump-ipc')) continue
      const { ino, blocks } = statSync(path)
      if (blocks * 512 >= atLeast) files.set(ino, blocks * 512)
    } catch {
      // Closed meanwhile.
    }
  }
  return [...files.values()].reduce((sum, bytes) => sum + bytes, 0)
}

// One after the other: they look at what this process holds.
test.serial('what is in a block arrives as a Uint8Array, by either kind of call', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs')
  for (const bytes of [1, 8, 1000, 128 * 1024 - 1, 128 * 1024, 3 * MIB + 5, 64 * MIB]) {
    const first = plump.allocate(bytes)
    t.is(first.byteLength, bytes)
    t.is(first.bytes.length, bytes)
    const wanted = fill(first.bytes, 1)
    t.deepEqual(await plump.acall('take', first), [['Uint8Array', bytes, wanted]])
    const second = plump.allocate(bytes)
    const other = fill(second.bytes, 2)
    t.deepEqual(plump.call('take', second), [['Uint8Array', bytes, other]])
  }
})

test.serial('what a handler writes to a block is not seen in the next one', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs')
  for (let seed = 0; seed < 12; seed++) {
    const block = plump.allocate(5 * MIB)
    const wanted = fill(block.bytes, seed)
    // `take` overwrites all of it.
    t.deepEqual(await plump.acall('take', block), [['Uint8Array', 5 * MIB, wanted]], `${seed}`)
  }
})

test.serial('passing a block moves it', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs')
  for (const bytes of [100, 2 * MIB]) {
    const block = plump.allocate(bytes)
    const call = plump.acall('length', block)
    t.throws(() => block.bytes, gone)
    t.is(block.byteLength, bytes)
    const error = await t.throwsAsync(plump.acall('length', block), gone)
    t.is((error as PlumpSerializationError).path, 'args[0]')
    t.throws(() => plump.call('add', 1, { deep: [block] } as never), gone)
    t.is(await call, bytes)
    block.release()
    t.throws(() => block.bytes, gone)
  }
})

test.serial('a block may be anywhere among the arguments, and several of them', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs')
  for (let round = 0; round < 3; round++) {
    const sizes = [300_000, 2 * MIB, 50, 700_001]
    const blocks = sizes.map((bytes) => plump.allocate(bytes))
    const wanted = blocks.map((block, seed) => [
      'Uint8Array',
      block.byteLength,
      fill(block.bytes, seed + round),
    ])
    const plain = new Uint8Array(400_000).fill(5)
    const [a, b, c, d] = blocks as [PlumpBlock, PlumpBlock, PlumpBlock, PlumpBlock]
    const seen = await plump.acall(
      'take',
      { a, deep: [1, { b }] },
      new Map([['c', c]]),
      plain,
      'x',
      d,
    )
    t.deepEqual(seen, [
      wanted[0],
      wanted[1],
      wanted[2],
      ['Uint8Array', 400_000, digest(plain)],
      wanted[3],
    ])
    for (const block of blocks) t.throws(() => block.bytes, gone)
  }
})

test.serial(
  'one block twice in one call is one array, and its views share its memory',
  async (t) => {
    const plump = start<Commands>(t, 'buffers.mjs')
    for (const bytes of [100, 2 * MIB]) {
      const block = plump.allocate(bytes)
      t.true(await plump.acall('areShared', block, block))
      const other = plump.allocate(bytes)
      t.true(await plump.acall('areShared', other.bytes.subarray(8, 50), other))
      const whole = plump.allocate(bytes)
      const wanted = fill(whole.bytes, 3)
      const { buffer } = whole.bytes
      t.is(await plump.acall('digest', new Uint8Array(buffer)), wanted, 'a view alone is copied')
      t.is(digest(whole.bytes), wanted, 'and leaves the block where it is')
      const [back, own] = (await plump.acall('echo', [buffer, whole] as unknown)) as [
        ArrayBuffer,
        Uint8Array,
      ]
      t.is(digest(new Uint8Array(back)), wanted)
      t.is(own.buffer, back)
    }
  },
)

test.serial('the bytes lie where numbers can be read from them', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs')
  const block = plump.allocate(MIB)
  const { buffer, byteOffset } = block.bytes
  new Float64Array(buffer, byteOffset, MIB / 8).fill(1.5)
  t.is(plump.call('asFloats', block), 1.5)
})

test.serial('what cannot be allocated is refused with the range', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs', { maxBlockBytes: 4 * MIB })
  for (const bytes of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 4 * MIB + 1, 2 ** 53, '5'])
    t.throws(() => plump.allocate(bytes as number), {
      code: 'ERR_PLUMP_INVALID_ARGUMENT',
      message: /integer from 1 to 4,194,304 \(maxBlockBytes\), got /,
    })
  t.is(await plump.acall('length', plump.allocate(4 * MIB)), 4 * MIB)
  t.throws(() => new PlumpIPC().allocate(1), { code: 'ERR_PLUMP_NOT_STARTED' })
  const block = plump.allocate(MIB)
  await plump.close()
  t.throws(() => plump.allocate(1), { code: 'ERR_PLUMP_CLOSED' })
  fill(block.bytes, 1)
  await t.throwsAsync(plump.acall('length', block), { code: 'ERR_PLUMP_CLOSED' })
  t.is(block.bytes.length, MIB, 'it was not sent')
  block.release()
  t.throws(() => block.bytes, gone)
})

test.serial('the limit holds for all blocks together, and release makes room', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs', { maxBlockBytes: 8 * MIB })
  const blocks = [plump.allocate(4 * MIB), plump.allocate(4 * MIB)]
  if (hands)
    t.throws(() => plump.allocate(MIB), {
      code: 'ERR_PLUMP_BLOCK_LIMIT',
      message: /1,048,576 bytes .* 8,388,608 bytes of maxBlockBytes/,
    })
  blocks[0]!.release()
  blocks[0]!.release()
  blocks.push(plump.allocate(4 * MIB))
  blocks[1]![Symbol.dispose]()
  t.is(plump.call('length', plump.allocate(3 * MIB)), 3 * MIB)
  blocks[2]!.release()
  for (let i = 0; i < 50; i++) {
    const block = plump.allocate(4 * MIB)
    block.bytes[0] = i
    t.is(plump.call('length', block), 4 * MIB, 'nothing waits for a garbage collection')
  }
})

test.serial('a block that was lost is free again once it was collected', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const plump = start<Commands>(t, 'buffers.mjs', { maxBlockBytes: 4 * MIB })
  for (let round = 0; round < 4; round++) {
    // Also one whose memory was shown before, by a block that was sent.
    if (round === 2) t.is(plump.call('length', plump.allocate(3 * MIB)), 3 * MIB)
    plump.allocate(3 * MIB).bytes[0] = 1
    const isFree = (): boolean => {
      collect()
      try {
        plump.allocate(3 * MIB).release()
        return true
      } catch {
        return false
      }
    }
    t.true(await until(isFree))
  }
})

test.serial('blocks that a worker keeps stay as they are while others come', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs', { maxBlockBytes: 16 * MIB })
  const wanted = []
  for (let seed = 0; seed < 24; seed++) {
    const block = plump.allocate(2 * MIB)
    wanted.push(fill(block.bytes, seed))
    await plump.acall('keep', block)
  }
  for (const [index, kept] of wanted.entries()) t.is(plump.call('digestOfKept', index), kept)
})

test.serial('any worker of a pool gets a block', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs', { workers: 2 })
  const isReady = () => plump.stats().workers.every(({ state }) => state === 'ready')
  t.true(await until(isReady))
  const calls = Array.from({ length: 24 }, async (_, seed) => {
    const block = plump.allocate(MIB)
    const wanted = fill(block.bytes, seed)
    t.deepEqual(await plump.acall('take', block), [['Uint8Array', MIB, wanted]])
  })
  await Promise.all(calls)
  t.true(plump.stats().workers.every(({ calls }) => calls > 0))
})

test.serial('a block waits in the queue with its call', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs', { concurrency: 1, blockIdleMs: 20 })
  // Before any worker is there.
  const early = plump.allocate(3 * MIB)
  const wanted = fill(early.bytes, 7)
  const first = plump.acall('take', early)
  t.throws(() => early.bytes, gone)
  t.deepEqual(await first, [['Uint8Array', 3 * MIB, wanted]])
  // One that times out there gives it back.
  const busy = Array.from({ length: 40 }, () => plump.acall('sleep', 10))
  const late = plump.allocate(21 * MIB)
  fill(late.bytes, 8)
  await t.throwsAsync(plump.with({ timeoutMs: 1 }).acall('take', late), {
    code: 'ERR_PLUMP_CALL_TIMEOUT',
  })
  await Promise.all(busy)
  t.true(await until(() => held(21 * MIB) === 0))
})

test.serial('a call that could not be made leaves its block as it is', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs', { maxPayloadBytes: 4 * MIB, maxDepth: 5 })
  await plump.ready()
  for (const bytes of [1000, 2 * MIB]) {
    const block = plump.allocate(bytes)
    const wanted = fill(block.bytes, 4)
    const cycle: unknown[] = [[[[[[[[]]]]]]]]
    const failing: [unknown[], string][] = [
      [[block, () => 1], 'ERR_PLUMP_UNSERIALIZABLE'],
      [[block, Symbol('s')], 'ERR_PLUMP_UNSERIALIZABLE'],
      [[block, cycle], 'ERR_PLUMP_TOO_DEEP'],
      [[block, new Uint8Array(4 * MIB)], 'ERR_PLUMP_PAYLOAD_TOO_LARGE'],
    ]
    for (const [args, code] of failing) {
      await t.throwsAsync(plump.acall('take', ...args), { code })
      t.throws(() => plump.call('take', ...args), { code })
    }
    await t.throwsAsync(plump.acall('none' as 'take', block), { code: 'ERR_PLUMP_UNKNOWN_COMMAND' })
    t.is(digest(block.bytes), wanted)
    t.deepEqual(plump.call('take', block), [['Uint8Array', bytes, wanted]])
  }
  const large = plump.allocate(5 * MIB)
  await t.throwsAsync(plump.acall('length', large), { code: 'ERR_PLUMP_PAYLOAD_TOO_LARGE' })
  t.is(large.bytes.length, 5 * MIB)
})

test.serial('a full queue leaves the block as it is', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs', { maxQueue: 1 })
  const first = plump.acall('add', 1, 2)
  const block = plump.allocate(MIB)
  const wanted = fill(block.bytes, 4)
  await t.throwsAsync(plump.acall('digest', block), { code: 'ERR_PLUMP_QUEUE_FULL' })
  t.is(await first, 3)
  t.is(await plump.acall('digest', block), wanted)
})

test.serial('a block of another instance is copied', async (t) => {
  const [one, two] = [start<Commands>(t, 'buffers.mjs'), start<Commands>(t, 'buffers.mjs')]
  await two.ready()
  for (const bytes of [100, 2 * MIB]) {
    const block = one.allocate(bytes)
    const wanted = fill(block.bytes, 4)
    t.deepEqual(await two.acall('take', block), [['Uint8Array', bytes, wanted]])
    t.throws(() => block.bytes, gone)
  }
  // Also when the instance that made it is closed.
  const block = one.allocate(2 * MIB)
  const wanted = fill(block.bytes, 4)
  await one.close({ graceMs: 0 })
  t.is(two.call('digest', block), wanted)
})

test.serial('without shared memory a block is ordinary memory', async (t) => {
  for (const options of [{ maxBlockBytes: 0 }, { channel: 'pipe' } as const]) {
    const plump = start<Commands>(t, 'buffers.mjs', options)
    const block = plump.allocate(3 * MIB)
    const wanted = fill(block.bytes, 4)
    t.deepEqual(await plump.acall('take', block), [['Uint8Array', 3 * MIB, wanted]])
    t.throws(() => block.bytes, gone)
    const again = plump.allocate(3 * MIB)
    t.true(again.bytes.every((byte) => byte === 0))
  }
})

test.serial('other codecs say what they make of a block', async (t) => {
  const json = start<Commands>(t, 'buffers.mjs', { codec: 'json' })
  const block = json.allocate(2 * MIB)
  await t.throwsAsync(json.acall('length', block), {
    code: 'ERR_PLUMP_UNSERIALIZABLE',
    message: /no form in JSON/,
  })
  t.is(block.bytes.length, 2 * MIB)
})

test.serial('a block is an argument, and nothing else', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs')
  const { PlumpQueue } = await import('../src/index.js')
  const queue = new PlumpQueue({ name: 'blocks' })
  t.teardown(() => queue.close())
  const block = plump.allocate(2 * MIB)
  t.throws(() => queue.broadcast(block), {
    code: 'ERR_PLUMP_UNSERIALIZABLE',
    message: /block, which can only be passed to a call/,
  })
  t.is(block.bytes.length, 2 * MIB)
})

test.serial('a worker can read what it was lent and change nothing of it', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs')
  const block = plump.allocate(4 * MIB)
  const view = block.bytes
  const wanted = fill(view, 6)
  const isDetachable = await plump.acall('keep', block).then(() => view.length === 0)
  const { tried, written } = await plump.acall('writeToMappings')
  t.is(written, 0)
  t.log(`tried to write to ${tried} files`)
  t.is(plump.call('digestOfKept', 0), wanted)
  await plump.acall('take', new Uint8Array(1))
  if (!isDetachable) t.is(digest(view), wanted)
})

test.serial('a worker that dies with a block leaves nothing behind', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs', { maxBlockBytes: 23 * MIB, blockIdleMs: 20 })
  for (let round = 0; round < 3; round++) {
    const block = plump.allocate(22 * MIB)
    const wanted = fill(block.bytes, round)
    await plump.acall('keep', block)
    t.is(await plump.acall('digestOfKept', 0), wanted)
    await t.throwsAsync(plump.acall('die'), { code: 'ERR_PLUMP_WORKER_KILLED' })
  }
  t.true(await until(() => held(22 * MIB) === 0))
})

test.serial('memory of blocks is given back when they are idle', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs', { blockIdleMs: 50 })
  const block = plump.allocate(24 * MIB)
  const kept = block.bytes
  fill(kept, 9)
  if (hands) t.true(held(24 * MIB) > 0)
  // Received as text of its digest, so that nobody holds it; a collection in the worker is not needed for it above half.
  const unsent = plump.allocate(25 * MIB)
  unsent.release()
  block.release()
  t.true(await until(() => held(24 * MIB) === 0))
  // Views that were kept show something, and can be written to.
  if (kept.length > 0) {
    t.is(kept[5], 0)
    kept[5] = 1
    t.is(kept[5], 1)
  }
})

test.serial('views that were kept from before crash nobody', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs', { blockIdleMs: 5 })
  const views: Uint8Array[] = []
  for (let i = 0; i < 30; i++) {
    const block = plump.allocate(2 * MIB)
    views.push(block.bytes)
    await plump.acall('take', block)
    for (const view of views) {
      t.true(view.length === 0 || view.length === 2 * MIB)
      if (view.length > 0) view[i] = view[i + 1]!
    }
    if (i % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await plump.close({ graceMs: 0 })
  for (const view of views) if (view.length > 0) view.fill(1)
  t.false(types.isSharedArrayBuffer(views[0]!.buffer))
})

test.serial('large arguments go with their own call where small ones are held back', async (t) => {
  const plump = start<Commands>(t, 'buffers.mjs')
  await plump.ready()
  for (let round = 0; round < 3; round++) {
    const small = Array.from({ length: 30 }, (_, i) => plump.acall('add', i, 1))
    const bytes = new Uint8Array(300_000).fill(round)
    const large = plump.acall('digest', bytes)
    const block = plump.allocate(300_000)
    const wanted = fill(block.bytes, round)
    const lent = plump.acall('digest', block)
    const more = Array.from({ length: 3 }, (_, i) => plump.acall('add', i, 1))
    t.is(plump.call('digest', bytes), digest(bytes))
    t.deepEqual(
      await Promise.all(small),
      Array.from({ length: 30 }, (_, i) => i + 1),
    )
    t.is(await large, digest(bytes))
    t.is(await lent, wanted)
    t.deepEqual(await Promise.all(more), [1, 2, 3])
  }
})

test.serial('a codec of your own reads a block, which stays where it is', async (t) => {
  const codecModule = fixture('bytes-codec.mjs')
  const plump = start<Commands>(t, 'buffers.mjs', { codec: bytesCodec, codecModule })
  // Below and above what is handed over without a copy where it can be.
  for (const bytes of [1, 1_000, 128 * 1024, 3 * MIB]) {
    const block = plump.allocate(bytes)
    const wanted = fill(block.bytes, bytes % 251)
    t.is(await plump.acall('digest', block), wanted)
    t.is(plump.call('digest', block), wanted, 'it was not moved')
    t.is(digest(block.bytes), wanted)
    block.release()
    const error = await t.throwsAsync(plump.acall('digest', block), {
      instanceOf: PlumpSerializationError,
      code: 'ERR_PLUMP_CODEC',
    })
    t.is((error!.cause as CodedError).code, 'ERR_PLUMP_BLOCK_GONE')
  }
  t.is(await plump.acall('add', 1, 2), 3)
})

test.serial('a codec of your own that knows no bytes refuses a block, and leaves it', async (t) => {
  const codecModule = fixture('own-codec.mjs')
  const plump = start<Commands>(t, 'buffers.mjs', { codec: reversed, codecModule })
  const block = plump.allocate(MIB)
  const wanted = fill(block.bytes, 7)
  const refused = { instanceOf: PlumpSerializationError, code: 'ERR_PLUMP_CODEC' }
  const error = await t.throwsAsync(plump.acall('digest', block), refused)
  t.is((error!.cause as CodedError).code, 'ERR_PLUMP_UNSERIALIZABLE')
  t.regex((error!.cause as Error).message, /block/)
  t.throws(() => plump.call('digest', block), refused)
  t.is(digest(block.bytes), wanted)
  t.is(await plump.acall('add', 1, 2), 3)
})
