// What every worker of every peer can do. One module, so that no peer does less work than another.
import { createHash } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { threadId } from 'node:worker_threads'

const PAGE_BYTES = 4096

export function add(a, b) {
  return a + b
}

export function echo(value) {
  return value
}

/** Reads one byte of every page, so that a payload that was never really delivered is noticed. */
export function touch(bytes) {
  const view = bytesOf(bytes)
  let sum = 0
  for (let offset = 0; offset < view.length; offset += PAGE_BYTES) sum += view[offset]
  return sum
}

/** Reads only the first and the last byte: what is left is the way of the payload. */
export function ends(bytes) {
  const view = bytesOf(bytes)
  return view[0] + view[view.length - 1]
}

export function digest(bytes) {
  return createHash('sha256').update(bytesOf(bytes)).digest('hex')
}

const kept = new Map()

/**
 * Returns `length` bytes that this worker keeps, filled and in memory after the first call.
 * The first byte changes with `mark`, so that no layer can answer with an earlier delivery.
 */
export function give(length, mark) {
  let bytes = kept.get(length)
  if (bytes === undefined) {
    bytes = Buffer.allocUnsafeSlow(length)
    for (let offset = 0; offset < length; offset++) bytes[offset] = offset % 251
    kept.set(length, bytes)
  }
  bytes[0] = mark % 256
  return bytes
}

/** Keeps the CPU for `ms` milliseconds of wall time. */
export function burn(ms) {
  const end = performance.now() + ms
  while (performance.now() < end);
  return ms
}

/** Rounds of `spin` that take about a microsecond on the machine of the committed results. */
const SPIN_ROUNDS_PER_US = 600

/**
 * Uses the CPU for about `us` microseconds: always the same number of rounds, so that the work stays the same when
 * there are more workers than CPUs (wall time, as `burn` keeps, would let them all pretend to work at once).
 *
 * @returns what only doing the work gives
 */
export function spin(us) {
  const rounds = Math.round(us * SPIN_ROUNDS_PER_US)
  let state = rounds
  for (let round = 0; round < rounds; round++) {
    // No sum: one that leaves 32 bits is seen by V8, or not yet when it compiles this, as each worker's luck has it, and then
    // the same work takes three times as long.
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) ^ round
  }
  return state
}

const counts = new Map()

/** How many calls with `key` this worker has had: 1, 2, 3 only when they all came here, in their order. */
export function count(key) {
  const next = (counts.get(key) ?? 0) + 1
  counts.set(key, next)
  return next
}

/** The same with a turn of the event loop between reading and writing: calls of one key that overlap lose a count. */
export async function countLater(key) {
  const next = (counts.get(key) ?? 0) + 1
  await nextTurn()
  counts.set(key, next)
  return next
}

/**
 * Who does the work: `tid` is the kernel's number of the very thread that runs JavaScript.
 * @param ms keeps the worker that long first, so that a second call finds it busy
 */
export function identity(ms = 0) {
  burn(ms)
  return { pid: process.pid, threadId, tid: kernelThreadId() }
}

export function bytesOf(bytes) {
  if (bytes instanceof Uint8Array) return bytes
  if (bytes instanceof ArrayBuffer || bytes instanceof SharedArrayBuffer) {
    return new Uint8Array(bytes)
  }
  throw new TypeError(`bytes expected, got ${Object.prototype.toString.call(bytes)}`)
}

function kernelThreadId() {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').pop())
  } catch {
    return undefined
  }
}
