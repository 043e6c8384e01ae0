// Runs every small example as a user would, and compares what it prints with the output.txt beside it.

import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const root = new URL('../../', import.meta.url)
const examples = readdirSync(new URL('examples/', root), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'main-job')
  .map((entry) => entry.name)

/** The watchdog of one example. */
const WATCHDOG_MS = 45_000

const read = (path: string): string => readFileSync(new URL(path, root), 'utf8')

/** What a program prints; fails when it fails. */
function run(args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const limits = { timeout: WATCHDOG_MS, killSignal: 'SIGKILL' as const }
    execFile(
      process.execPath,
      args,
      { cwd: fileURLToPath(root), ...limits },
      (error, stdout, stderr) => {
        if (error === null) resolve({ stdout, stderr })
        else reject(new Error(`${error.message}\n${stdout}${stderr}`))
      },
    )
  })
}

test('there are examples', (t) => {
  t.true(examples.length >= 9)
})

for (const name of examples) {
  test.serial(`the example '${name}' prints what its output.txt says`, async (t) => {
    t.timeout(WATCHDOG_MS + 10_000)
    const isTypeScript = existsSync(new URL(`examples/${name}/main.ts`, root))
    const main = `examples/${name}/main.${isTypeScript ? 'ts' : 'js'}`
    const { stdout, stderr } = await run(isTypeScript ? ['--import=tsx', main] : [main])
    t.is(stdout, read(`examples/${name}/output.txt`))
    t.is(stderr, '')
  })

  test(`the example '${name}' is named in the README or in a page of docs/`, (t) => {
    const pages = readdirSync(new URL('docs/', root)).filter((page) => page.endsWith('.md'))
    const texts = [read('README.md'), ...pages.map((page) => read(`docs/${page}`))]
    t.true(texts.some((text) => text.includes(`examples/${name}/`)))
  })
}

test('the examples in TypeScript type-check', async (t) => {
  t.timeout(WATCHDOG_MS + 10_000)
  const files = examples.flatMap((name) =>
    readdirSync(new URL(`examples/${name}/`, root))
      .filter((file) => file.endsWith('.ts'))
      .map((file) => `examples/${name}/${file}`),
  )
  t.true(files.length >= 3)
  const flags = ['--noEmit', '--strict', '--allowImportingTsExtensions', '--skipLibCheck']
  const kinds = ['--module', 'nodenext', '--target', 'es2022', '--types', 'node']
  const libs = ['--lib', 'es2023,esnext.disposable,esnext.decorators']
  const tsc = 'node_modules/typescript/bin/tsc'
  const { stdout } = await run([tsc, '--ignoreConfig', ...flags, ...kinds, ...libs, ...files])
  t.is(stdout, '')
})
