// People copy programs out of the README and the pages of docs/, so these are taken out, run as they stand and compared with
// what their comments say.
//
// A fenced block with `file=NAME` is that file; those of one section (`## …`) lie in one folder. One with `run` is a
// program: the comments behind its `console.log(…)` lines are what it prints, in their order.

import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import {
  callOptions,
  closeOptions,
  commandOptions,
  instanceOptions,
  type OptionRow,
  queueOptions,
} from '../../src/options.js'
import { PlumpError } from '../../src/index.js'
import { limits } from '../../src/generated/limits.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const readme = readFileSync(join(root, 'README.md'), 'utf8')

/** The watchdog of one program. */
const WATCHDOG_MS = 45_000

interface Block {
  readonly section: string
  readonly file: string
  readonly runs: boolean
  readonly text: string
}

const pages = ['README.md', ...markdownIn('docs')]
const blocks = pages.flatMap((page) => blocksOf(page, readFileSync(join(root, page), 'utf8')))

function markdownIn(folder: string): string[] {
  const names = readdirSync(join(root, folder)).filter((name) => name.endsWith('.md'))
  return names.map((name) => `${folder}/${name}`)
}

function blocksOf(page: string, text: string): Block[] {
  return text.split(/^## /m).flatMap((part, index) => {
    const section = index === 0 ? page : `${page}, ${part.slice(0, part.indexOf('\n'))}`
    return [...part.matchAll(/^```(?:js|ts) file=(\S+)( run)?\n([\s\S]*?)^```$/gm)].map(
      ([, file = '', run, text = '']): Block => ({ section, file, runs: run !== undefined, text }),
    )
  })
}

/** A project of a user's, with the files of one section. */
function project(t: ExecutionContext, section: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'plump-readme-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  mkdirSync(join(directory, 'node_modules/@types'), { recursive: true })
  symlinkSync(root, join(directory, 'node_modules/plump-ipc'), 'junction')
  for (const name of ['tsx', 'typescript', '@types/node', 'undici-types'])
    symlinkSync(join(root, 'node_modules', name), join(directory, 'node_modules', name), 'junction')
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }\n')
  for (const block of blocks.filter((block) => block.section === section))
    writeFileSync(join(directory, block.file), block.text)
  return directory
}

function run(cwd: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const limits = { cwd, timeout: WATCHDOG_MS, killSignal: 'SIGKILL' as const }
    execFile(process.execPath, args, limits, (error, stdout, stderr) => {
      if (error === null && stderr === '') resolve(stdout)
      else reject(new Error(`${error?.message ?? 'It wrote to stderr.'}\n${stdout}${stderr}`))
    })
  })
}

test('the README has programs, and every code block in it belongs to one', (t) => {
  t.true(blocks.filter((block) => block.runs).length >= 8)
  t.deepEqual(readme.match(/^```(?:js|ts|javascript|typescript)\b(?! file=).*$/gm), null)
})

for (const { section, file, text } of blocks.filter((block) => block.runs)) {
  test.serial(`${section}: ${file} prints what its comments say`, async (t) => {
    t.timeout(WATCHDOG_MS + 10_000)
    const expected = [...text.matchAll(/console\.log\(.*\) \/\/ (.*)$/gm)].map(([, line]) => line)
    t.true(expected.length > 0, 'it says what it prints')
    const args = file.endsWith('.ts') ? ['--import=tsx', file] : [file]
    t.is(await run(project(t, section), args), expected.map((line) => `${line}\n`).join(''))
  })
}

test.serial('the README in TypeScript type-checks', async (t) => {
  t.timeout(WATCHDOG_MS * 2)
  for (const section of new Set(
    blocks.filter(({ file }) => file.endsWith('.ts')).map((b) => b.section),
  )) {
    const directory = project(t, section)
    const config = {
      extends: join(root, 'tsconfig.base.json'),
      compilerOptions: { noEmit: true, allowImportingTsExtensions: true },
      include: ['*.ts'],
    }
    writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(config))
    t.is(await run(directory, ['node_modules/typescript/bin/tsc', '-p', '.']), '', section)
  }
})

test('the quick start is under 15 lines', (t) => {
  const lines = blocks
    .filter(({ section }) => section === 'README.md, Quick start')
    .flatMap(({ text }) => text.trim().split('\n'))
  t.true(lines.length < 15, `${lines.length}`)
})

const tables: [title: string, rows: readonly OptionRow[]][] = [
  ['options of an instance', instanceOptions],
  ['options of a call', callOptions],
  ['options of a command', commandOptions],
  ['options of close', closeOptions],
  ['options of a queue', queueOptions],
]
for (const [title, rows] of tables) {
  test(`the README's table of ${title} has each of them, with its range and default, and no other`, (t) => {
    const table = readme.split(`<!-- ${title} -->\n\n`)[1]?.split('\n\n')[0] ?? ''
    const cells = table
      .split('\n')
      .slice(2)
      .map((line) => line.split('|').map((cell) => cell.trim()))
    t.deepEqual(
      cells.map(([, name]) => name),
      rows.map(({ name }) => `\`${name}\``),
    )
    for (const [index, row] of rows.entries()) {
      const [, , takes = '', byDefault = ''] = cells[index] ?? []
      for (const said of saidOf(row))
        t.true(takes.includes(said), `${row.name}: ${said} in ${takes}`)
      const value = defaultOf(row)
      t.is(byDefault.replaceAll('`', ''), value.replaceAll('`', ''), row.name)
    }
  })
}

const grouped = (value: number): string => value.toLocaleString('en-US')

/** What the second column must say of an option. */
function saidOf(row: OptionRow): string[] {
  switch (row.type) {
    case 'integer':
      return [
        `${grouped(row.min)} to ${grouped(row.max)}`,
        ...(row.or === undefined ? [] : [`'${row.or}'`]),
      ]
    case 'milliseconds':
      return [`milliseconds, ${grouped(row.min)} to ${grouped(row.max)}`]
    case 'one of':
      return row.values.map((value) => `'${value}'`)
    case 'codec':
      return ["'structured'", "'json'", '{ name, encode, decode }']
    case 'string':
      return ['a string of 1 to 255 bytes']
    case 'strings':
      return ['an array of strings']
    case 'environment':
      return ['an object of strings']
    case 'path':
    case 'module':
      return ['path', 'URL']
    case 'function':
      return ['a function']
    case 'boolean':
      return ['true or false']
    case 'commands':
      return ['by their names']
    case 'workers':
      return ['1 to 1,024', "'auto'", '{ min, max, idleMs }']
    case 'key':
      return ['a string of 1 to 1,024 bytes']
    case 'signal':
      return ['an `AbortSignal`']
  }
}

function defaultOf(row: OptionRow): string {
  const { default: value } = row
  if (typeof value === 'number') return grouped(value)
  if (typeof value !== 'string') return JSON.stringify(value)
  return row.type === 'codec' || row.type === 'one of' || value === 'default' ? `'${value}'` : value
}

test("the README's limits are those of the core", (t) => {
  const { maxWorkers, maxCommandNameBytes, maxCommands, maxMailboxEvents } = limits
  for (const limit of [maxWorkers, maxCommandNameBytes, maxCommands, maxMailboxEvents])
    t.true(readme.includes(`| ${grouped(limit)}`), grouped(limit))
})

test('every file that the README, ARCHITECTURE.md and docs/ link to is there', (t) => {
  const more = ['ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md']
  for (const page of [...pages, ...more, ...markdownIn('docs/decisions')]) {
    const text = readFileSync(join(root, page), 'utf8')
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)/g))
      t.true(existsSync(join(root, page, '..', target)), `${page} links to ${target}`)
  }
})

test('every class of errors that the README names is exported, and none is missing', async (t) => {
  const exported = Object.entries(await import('../../src/index.js'))
    .filter(
      ([, value]) =>
        typeof value === 'function' &&
        (value === PlumpError || Object.prototype.isPrototypeOf.call(PlumpError, value)),
    )
    .map(([name]) => name)
  for (const name of exported) t.true(readme.includes(`\`${name}\``), name)
})
