import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { nestedObject, randomBytes, smallObject } from '../payloads.js'
import { sleep } from '../frame/loops.js'
import { bytesOf, digest, touch } from '../tasks.js'

const BYTES = (1 << 20) + 13

/** Not a measurement: proves that an adapter really does the work, elsewhere, and does it right. */
export default {
  name: 'check',
  title: 'the adapter does the work',
  needs: ['call', 'acall', 'copy'],
  cases: [{ name: 'work', regime: 'free' }],
  figure: { metric: 'checks', unit: 'checks', better: 'higher' },
  variants: ['plump-ipc-pipe', 'plump-ipc-trusted', 'plump-ipc-spin0', 'plump-ipc-spin50'],
  floor: 'memcpy',
  python: true,
  goals: [],
  async run({ peer, seed, start, stop }) {
    const done = []
    const bytes = randomBytes(BYTES, seed)
    const session = await start({ workers: 1, payloadBytes: BYTES })
    if (peer.kind === 'floor') {
      assert.equal(await session.acall('touch', bytes), touch(bytes))
      return { checks: 1, done: ['reads every page'] }
    }
    for (const way of ['call', 'acall']) {
      assert.equal(typeof session[way] === 'function', peer.offers.includes(way), `offers ${way}`)
      if (session[way] === undefined) continue
      const invoke = async (...args) => session[way](...args)

      assert.equal(await invoke('add', 40, 2), 42)
      done.push(`${way}: adds`)

      const { pid, threadId } = await invoke('identity')
      if (peer.kind === 'process') {
        assert.notEqual(pid, process.pid, 'the work is done in the process of the host')
        process.kill(pid, 0)
      } else {
        assert.equal(pid, process.pid)
        assert.notEqual(threadId, 0, 'the work is done on the main thread')
      }
      done.push(`${way}: in another ${peer.kind}`)

      const nested = nestedObject(seed)
      assert.deepEqual(await invoke('echo', nested), nested)
      const size = JSON.stringify(nested).length
      assert.ok(size > 9_000 && size < 12_000, `the nested object has ${size} bytes`)
      assert.deepEqual(await invoke('echo', smallObject(7)), smallObject(7))
      done.push(`${way}: echoes objects`)

      assert.equal(await invoke('digest', bytes), digest(bytes))
      done.push(`${way}: the worker has the bytes`)

      const given = bytesOf(await invoke('give', BYTES, 5))
      const wanted = Buffer.alloc(BYTES)
      for (let offset = 0; offset < BYTES; offset++) wanted[offset] = offset % 251
      wanted[0] = 5
      assert.equal(digest(given), digest(wanted))
      done.push(`${way}: the host has the bytes`)

      const before = performance.now()
      await invoke('burn', 20)
      assert.ok(performance.now() - before >= 20, 'a handler of 20 ms took less')
      done.push(`${way}: waits for the handler`)
    }

    if (session.acall !== undefined) {
      const many = await start({ inFlight: 64 })
      const calls = Array.from({ length: 2000 }, (_unused, index) => many.acall('echo', index))
      const answers = await Promise.all(calls)
      assert.deepEqual(
        answers,
        answers.map((_answer, index) => index),
      )
      done.push('2,000 in flight, every answer to its caller')

      // Starting a session fails unless each of its workers has answered.
      await start({ workers: 2 })
      done.push('two workers share the work')
    }
    if (peer.offers.includes('pool')) {
      await start({ workers: 8, inFlight: 64 })
      done.push('eight, too')
    }

    const lacks = (offer, method) => {
      if (session[method] !== undefined) return false
      done.push(`NOT: ${offer}`)
      return true
    }
    if (peer.offers.includes('keys') && !lacks('keys', 'keyed')) await checkKeys(start, done)
    if (peer.offers.includes('cancel') && !lacks('cancel', 'cancellable')) {
      await checkCancel(start, done)
    }
    if (peer.offers.includes('move') && !lacks('move', 'move')) {
      const movable = session.move(BYTES)
      assert.equal(movable.bytes.length, BYTES)
      movable.bytes.set(bytes)
      assert.equal(await movable.acall('digest'), digest(bytes))
      done.push('moves a buffer')
    }
    if (peer.offers.includes('listen')) await checkEventsToHost(start, stop, done)
    if (peer.offers.includes('publish')) await checkEventsToWorkers(start, done)
    return { checks: done.length, done }
  },
}

/** A count that is not the next one of its key: another worker, another order, or two calls of a key at once. */
async function checkKeys(start, done) {
  for (const [keys, task] of [
    ['plain', 'count'],
    ['overlapping', 'countLater'],
  ]) {
    const { keyed } = await start({ workers: 2, inFlight: 64, keys })
    const calls = Array.from({ length: 400 }, (_unused, index) => {
      const key = `user-${index % 8}`
      return keyed(key, task, key)
    })
    const counts = await Promise.all(calls)
    assert.deepEqual(
      counts,
      counts.map((_count, index) => Math.floor(index / 8) + 1),
    )
  }
  done.push('calls of a key on one worker, one at a time, in order')
}

/** Behind a call that keeps the only worker busy: the cancelled one is rejected at once and never runs. */
async function checkCancel(start, done) {
  const { acall, cancellable } = await start({ cancels: true })
  const busy = acall('burn', 150)
  const kept = cancellable('count', 'kept')
  const cancelled = cancellable('count', 'cancelled')
  const before = performance.now()
  cancelled.cancel()
  await assert.rejects(async () => cancelled.answer)
  assert.ok(performance.now() - before < 75, 'the cancelled call was rejected only by the worker')
  assert.equal(await busy, 150)
  assert.equal(await kept.answer, 1)
  assert.equal(await acall('count', 'cancelled'), 1, 'the cancelled call was run')
  done.push('cancels what waits')
}

async function checkEventsToHost(start, stop, done) {
  const session = await start({ bus: true })
  await sleep(300)
  const sequences = []
  const ended = new Promise((resolve) => {
    session.listen((event) => {
      if (event.kind === 'end') resolve()
      else sequences.push(event.sequence)
    })
  })
  const published = await session.acall('publishFor', 30)
  await ended
  assert.ok(sequences.length > 0 && sequences.length <= published)
  for (let index = 1; index < sequences.length; index++) {
    assert.ok(sequences[index] > sequences[index - 1], 'events out of order')
  }
  // A bus reaches all workers of a host: this one must not answer in the next check.
  await stop(session)
  done.push('events reach the host in order')
}

async function checkEventsToWorkers(start, done) {
  const session = await start({ bus: true, workers: 2 })
  await sleep(500)
  for (let sequence = 0; sequence < 100; sequence++) {
    await session.publish({ sequence, kind: 'tick', progress: 1 })
  }
  await session.publish({ kind: 'end' })
  await sleep(300)
  const reports = await session.reports()
  assert.equal(new Set(reports.map(({ count }) => count)).size, 1)
  assert.deepEqual(
    reports.map(({ count, disorder }) => ({ count, disorder })),
    Array.from({ length: 2 }, () => ({ count: 100, disorder: 0 })),
  )
  done.push('events reach every worker')
}
