// Workers that break the rules through the descriptors that they inherited. Whatever they do, their calls settle with a
// code, the next call runs on a fresh worker, and other instances do not notice. (The core's own tests have the long
// list of breaches; here is what a program sees of them.)

import { isDeepStrictEqual } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { type PlumpIPC, PlumpQueue, PlumpWorkerError } from '../src/index.js'
import { channel, isAlive, start, until } from './start.js'

type Coded = Error & { code: string; command?: string; pid?: number }

/** A hostile worker and an honest one of another instance, which must not notice. */
async function besiege(t: ExecutionContext, options = {}) {
  const hostile = start(t, 'hostile.mjs', { maxRestarts: 100_000, backoffMs: 0, ...options })
  const honest = start(t, 'dying.mjs')
  const [, pid] = await Promise.all([hostile.ready(), honest.acall('pid')])
  return {
    hostile,
    async isWell(): Promise<void> {
      t.is(honest.call('pid'), pid, 'the honest worker is the one it was')
      t.is(await honest.acall('add', 1, 2), 3)
    },
  }
}

/** One attack: the call's error, after a fresh worker has served the next call. */
async function withstand(t: ExecutionContext, hostile: PlumpIPC, how: string): Promise<Coded> {
  const before = hostile.call('pid') as number
  // Two callers wait for this worker: one through the event loop, one blocked.
  const other = t.throwsAsync(hostile.acall('attack', 'nothing'), undefined, how)
  const error = (await t.throwsAsync(hostile.acall('attack', how), undefined, how)) as Coded
  t.is(((await other) as Coded).code, error.code, how)
  if (error instanceof PlumpWorkerError) t.is(error.command, 'attack', how)
  t.not(hostile.call('pid'), before, how)
  t.is(await hostile.acall('add', 1, 2), 3, how)
  t.true(await until(() => !isAlive(before)), `${how}: its worker is gone`)
  return error
}

test.serial('the tests find the pipes that a worker inherits', (t) => {
  t.is(start(t, 'hostile.mjs').call('inheritedPipes'), channel === 'pipe' ? 4 : 2)
})

test.serial('bytes that are not of the protocol end that worker with a code', async (t) => {
  t.timeout(120_000)
  const { hostile, isWell } = await besiege(t)
  for (const how of [
    'random bytes over the control pipe',
    'zeros over the control pipe',
    'JSON over the control pipe',
    'a result over the control pipe',
    'a frame of 4 GiB',
    'an unknown kind',
    'unknown flags',
    'a part of nothing',
    'a control message of random bytes',
    'an event that claims 2^63 bytes',
  ]) {
    t.is((await withstand(t, hostile, how)).code, 'ERR_PLUMP_PROTOCOL', how)
    await isWell()
  }
})

test.serial('a caller that is blocked is woken by a breach, too', async (t) => {
  const { hostile, isWell } = await besiege(t)
  t.throws(() => hostile.call('attack', 'zeros over the control pipe'), {
    code: 'ERR_PLUMP_PROTOCOL',
  })
  t.is(hostile.call('add', 1, 2), 3)
  await isWell()
})

test.serial('bytes that are not of the protocol among the answers settle the calls', async (t) => {
  t.timeout(120_000)
  const { hostile, isWell } = await besiege(t)
  for (const how of [
    'random bytes over the data channel',
    'an answer to a call that nobody made',
    'a call to the host',
  ]) {
    const { code } = await withstand(t, hostile, how)
    // Who overwrites all of the shared memory overwrites what the worker reads, too: it may be the one that gives up.
    if (channel === 'pipe') t.is(code, 'ERR_PLUMP_PROTOCOL', how)
    else t.regex(code, /^ERR_PLUMP_(PROTOCOL|WORKER_EXITED|WORKER_KILLED|WORKER_LOST)$/, how)
    await isWell()
  }
})

/** `PLUMP_HOSTILE_FRAMES=1000000` for the long run, `PLUMP_HOSTILE_SEED` for another one: `ci/hostile.sh`. */
const FRAMES = Number(process.env['PLUMP_HOSTILE_FRAMES'] ?? 20_000)
const SEED = Number(process.env['PLUMP_HOSTILE_SEED'] ?? 1)

/** What a worker answers that is spoilt on its way: something of each kind that a decoder treats apart. */
const VALUES: readonly unknown[] = [
  { id: 7, name: 'a name', tags: ['x', 'y'], ok: true },
  Array.from({ length: 40 }, (_, i) => i * 1.5),
  new Map<unknown, unknown>([
    ['a', 1n],
    [{ deep: [[]] }, new Set([undefined, null])],
  ]),
  Buffer.alloc(100, 7),
  new Error('an error', { cause: new RangeError('its cause') }),
  'text with ä and 😀 '.repeat(9),
  [new Date(0), /x/g, new Uint16Array(9), -0, 2 ** 40],
  42,
]

test.serial(
  'answers out of rings that are spoilt meanwhile reach no further than their calls',
  async (t) => {
    if (channel === 'pipe') {
      t.pass('there are no rings')
      return
    }
    const { hostile, isWell } = await besiege(t, { heartbeatMs: 20 })
    // Ten thousand a second is far less than the slowest machine takes in.
    t.timeout(120_000 + FRAMES / 10)
    t.deepEqual(await hostile.acall('cut'), ['EPERM', 'EPERM', 'EPERM'])
    // An answer whose length was spoilt may wait for more bytes, and its worker go on.
    const limited = hostile.with({ timeoutMs: 2_000 })
    const found = { asSent: 0, others: 0, refused: 0, ended: 0, late: 0, workers: 0 }
    const codes = new Set<string>()
    const answers = () => found.asSent + found.others + found.refused
    const wasSpoilt = () => found.ended > 0 && found.others + found.refused > 0
    // When which bytes are spoilt is chance: it goes on until it has met both, or the time limit says that it never does.
    let rounds = 0
    for (let seed = SEED, isFresh = true; answers() < FRAMES || !wasSpoilt(); rounds++) {
      // On a busy machine what was to spoil them may not have been begun in time.
      if (isFresh || rounds % 100 === 99) {
        if (isFresh) found.workers++
        // Spoilt before it is answered, sometimes.
        await limited.acall('spoilRings', seed++).catch(() => {})
        isFresh = false
      }
      const sent = Array.from({ length: 256 }, (_, i) => VALUES[i % VALUES.length])
      const outcomes = await Promise.allSettled(sent.map((value) => limited.acall('echo', value)))
      for (const [i, outcome] of outcomes.entries()) {
        if (outcome.status === 'fulfilled') {
          if (isDeepStrictEqual(outcome.value, sent[i])) found.asSent++
          else found.others++
          continue
        }
        const { code } = outcome.reason as Coded
        codes.add(code)
        if (/^ERR_PLUMP_(WORKER_|PROTOCOL$)/.test(code)) {
          found.ended++
          isFresh = true
        } else if (code === 'ERR_PLUMP_CALL_TIMEOUT') found.late++
        // Bytes that no codec reads, and answers that have become ones of another kind.
        else found.refused++
      }
      if (isFresh) await isWell()
    }
    t.log(`seed ${SEED}:`, found, [...codes].sort().join(' '))
    t.true(wasSpoilt(), 'something was spoilt')
  },
)

test.serial('a worker that overwrites its blocks spoils its own payloads alone', async (t) => {
  t.timeout(120_000)
  const { hostile, isWell } = await besiege(t)
  const bytes = Buffer.alloc(1_000_000, 7)
  for (let round = 0; round < 20; round++) {
    // What arrives may be anything that the codec takes or refuses.
    const [, back] = await Promise.allSettled([
      hostile.acall('spoilBlocks', 2),
      hostile.acall('echo', bytes),
      hostile.acall('echo', { bytes, text: 'x'.repeat(200_000) }),
    ])
    t.truthy(back)
  }
  await isWell()
})

test.serial('a worker that closes its link is over', async (t) => {
  t.timeout(120_000)
  const { hostile, isWell } = await besiege(t)
  for (const how of ['closes the control pipe', 'closes every inherited pipe']) {
    const error = await withstand(t, hostile, how)
    t.true(error instanceof PlumpWorkerError, how)
    // Its own link thread sees the end as well, so that it may be quicker with its exit.
    t.regex(error.code, /^ERR_PLUMP_WORKER_(LOST|EXITED)$/, how)
    await isWell()
  }
})

test.serial('a worker that is stopped is found out by its heartbeat and ended', async (t) => {
  const { hostile, isWell } = await besiege(t, { heartbeatMs: 50, heartbeatTimeoutMs: 3_000 })
  const error = await withstand(t, hostile, 'stops')
  t.is(error.code, 'ERR_PLUMP_WORKER_UNRESPONSIVE')
  t.true(error instanceof PlumpWorkerError)
  await isWell()
  t.throws(() => hostile.call('attack', 'stops'), { code: 'ERR_PLUMP_WORKER_UNRESPONSIVE' })
  t.is(hostile.call('add', 1, 2), 3)
})

test.serial('a stopped worker with megabytes before it holds up nobody', async (t) => {
  const { hostile, isWell } = await besiege(t, { heartbeatMs: 50, heartbeatTimeoutMs: 3_000 })
  const stopped = t.throwsAsync(hostile.acall('attack', 'stops'))
  const unread = Array.from({ length: 40 }, () =>
    hostile.with({ timeoutMs: 500 }).acall('add', new Uint8Array(1_000_000), 1),
  )
  const outcomes = Promise.allSettled(unread)
  await isWell()
  for (const outcome of await outcomes) {
    const { reason } = outcome as PromiseRejectedResult
    t.regex((reason as Coded).code, /^ERR_PLUMP_(CALL_TIMEOUT|WORKER_UNRESPONSIVE)$/)
  }
  await stopped
  t.is(await hostile.acall('add', 1, 2), 3)
})

test.serial('a worker whose JavaScript is deaf is not taken for one that is stopped', async (t) => {
  const hostile = start(t, 'hostile.mjs', { heartbeatMs: 20, heartbeatTimeoutMs: 3_000 })
  const pid = hostile.call('pid')
  await hostile.acall('block', 5_000)
  t.is(hostile.call('pid'), pid)
})

test.serial('a flood of events is counted, bounded and holds up nobody', async (t) => {
  const { hostile, isWell } = await besiege(t)
  const bus = new PlumpQueue({ capacity: 100 })
  t.teardown(() => bus.close())
  const flood = hostile.acall('flood', 50_000, 100)
  await isWell()
  t.is(await flood, 50_000)
  t.true(await until(() => bus.stats().received === 50_000))
  t.is(bus.stats().dropped, 50_000 - 100)
  await isWell()
})
