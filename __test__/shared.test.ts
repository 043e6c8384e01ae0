import test from 'ava'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { plump, plumpBus, PlumpError, spawn } from '../src/index.js'
import { packageRoot } from '../src/package-root.js'
import { once } from '../src/shared.js'
import { options, start } from './start.js'

const packageUrl = new URL('../dist/index.js', import.meta.url)

test('what is built and the sources share what there is once in a process', async (t) => {
  const required = createRequire(import.meta.url)('../dist/index.cjs') as Record<string, unknown>
  const imported = (await import(packageUrl.href)) as Record<string, unknown>
  t.is(required['plump'], plump)
  t.is(required['plumpBus'], plumpBus)
  t.deepEqual(
    Object.keys(imported).filter((name) => imported[name] !== required[name]),
    [],
  )
})

test('the same module loaded again under another URL shares too', async (t) => {
  const again = (await import(`${packageUrl.href}?again`)) as Record<string, unknown>
  t.is(again['plump'], plump)
})

test('a thing is made by whoever asks first', (t) => {
  t.is(
    once('a test', () => 1),
    once('a test', () => 2),
  )
})

test('in a worker, what is imported, what is required and what runs it are one copy', async (t) => {
  const worker = start(t, 'both-forms.mjs')
  t.is(await worker.acall('byImport'), 'by import')
  t.is(await worker.acall('byRequire'), 'by require')
  t.deepEqual(await worker.acall('differences'), [])
  t.deepEqual(await worker.acall('parts'), [true])
})

test("a worker's module with a copy of the package of its own is served all the same", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'plump-copy-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  for (const part of ['dist', 'native', 'package.json'])
    cpSync(join(packageRoot, part), join(folder, 'node_modules/plump-ipc', part), {
      recursive: true,
    })
  const module = join(folder, 'worker.mjs')
  writeFileSync(
    module,
    `import { isWorker, plump, plumpBus, PlumpError } from 'plump-ipc'
     plump.command('isWorker', () => isWorker)
     export function isOwnError() {
       try { plump.command('', () => {}) } catch (error) { return error instanceof PlumpError }
     }
     export function fail() { throw new PlumpError('ERR_PLUMP_INVALID_ARGUMENT', 'from the copy') }
     export function say(what) { plumpBus.broadcast(what) }`,
  )
  t.timeout(60_000)
  const worker = spawn(pathToFileURL(module), options())
  t.teardown(() => worker.close({ graceMs: 0 }))
  t.is(await worker.acall('isWorker'), true)
  t.is(await worker.acall('isOwnError'), true)
  await t.throwsAsync(worker.acall('fail'), { instanceOf: PlumpError, message: 'from the copy' })
  const heard = new Promise((resolve) => {
    t.teardown(() => listener.close())
    const listener = plumpBus.setupAsyncListener(resolve)
  })
  await worker.acall('say', 'hello')
  t.is(await heard, 'hello')
})

test('a worker starts although the package was loaded before its program', async (t) => {
  for (const execArgv of [
    [`--import=${packageUrl.href}`],
    ['--require', join(packageRoot, 'dist/index.cjs')],
  ]) {
    const worker = start(t, 'math.mjs', { execArgv })
    t.is(await worker.acall('add', 1, 2), 3)
  }
})
