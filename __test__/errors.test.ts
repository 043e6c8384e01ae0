import test from 'ava'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createError, errorClasses } from '../src/errors.js'
import { codeOfNumber, codes, type PlumpErrorCode } from '../src/generated/codes.js'
import {
  PlumpConnectionError,
  PlumpError,
  PlumpSerializationError,
  PlumpTimeoutError,
  PlumpWorkerError,
} from '../src/index.js'

const all = Object.keys(codes) as PlumpErrorCode[]

test('every code makes an error of its class, with its summary and remedy', (t) => {
  for (const code of all) {
    const error = createError(code)
    t.is(error.code, code)
    t.is(error.constructor.name, codes[code].class)
    t.is(error.name, codes[code].class.replace('PlumpAbortError', 'AbortError'))
    t.is(error.message, codes[code].summary)
    t.is(error.remedy, codes[code].remedy)
    t.true(error instanceof PlumpError && error instanceof Error)
    t.true(error instanceof errorClasses[codes[code].class])
  }
})

test('numbers lead back to their codes', (t) => {
  for (const code of all) t.is(codeOfNumber[codes[code].number], code)
  t.is(codeOfNumber.length, all.length + 1)
})

test('docs/errors.md has one heading for each code', (t) => {
  const page = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8')
  t.deepEqual(
    [...page.matchAll(/^## (.*)$/gm)].map((heading) => heading[1]),
    all,
  )
})

test('the classes have the details that are known, and no others', (t) => {
  const error = new PlumpWorkerError('ERR_PLUMP_WORKER_EXITED', 'gone', { pid: 5, exitCode: 3 })
  t.deepEqual(Object.keys(error).sort(), ['code', 'exitCode', 'pid', 'remedy'])
  t.is(error.signal, undefined)
  t.false('cause' in error)
  t.is(new PlumpTimeoutError('ERR_PLUMP_CALL_TIMEOUT', 'late', { timeoutMs: 5 }).timeoutMs, 5)
  t.is(new PlumpSerializationError('ERR_PLUMP_TOO_DEEP', 'deep', { path: 'a.b' }).path, 'a.b')
  const cause = new Error('why')
  t.is(new PlumpConnectionError('ERR_PLUMP_CLOSED', 'closed', { cause }).cause, cause)
})

test('instanceof tells the classes apart', (t) => {
  const error = new PlumpTimeoutError('ERR_PLUMP_CALL_TIMEOUT')
  t.true(error instanceof PlumpTimeoutError)
  t.false(error instanceof (PlumpWorkerError as unknown as typeof PlumpError))
  t.false((new Error('plain') as unknown) instanceof PlumpError)
  t.false((null as unknown) instanceof PlumpError)
  class Own extends PlumpTimeoutError {}
  t.true(new Own('ERR_PLUMP_CALL_TIMEOUT') instanceof PlumpTimeoutError)
  t.false(error instanceof Own)
})

test('instanceof holds across the ESM and the CommonJS build', (t) => {
  const built = createRequire(import.meta.url)('../dist/index.cjs') as {
    PlumpError: typeof PlumpError
    PlumpTimeoutError: typeof PlumpTimeoutError
    PlumpWorkerError: typeof PlumpWorkerError
  }
  const theirs = new built.PlumpTimeoutError('ERR_PLUMP_CALL_TIMEOUT')
  t.not(built.PlumpTimeoutError, PlumpTimeoutError)
  t.true(theirs instanceof PlumpTimeoutError)
  t.true(theirs instanceof PlumpError)
  t.false((theirs as PlumpError) instanceof PlumpWorkerError)
  t.true(new PlumpTimeoutError('ERR_PLUMP_CALL_TIMEOUT') instanceof built.PlumpError)
})
