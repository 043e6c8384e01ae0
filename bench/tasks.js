// What every worker of every peer can do. One module, so that no peer does less work than another.
import { createHash } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
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
