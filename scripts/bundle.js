import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { writeIfChanged } from './files.js'
import { root } from './process.js'

const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const target = `node${/[\d.]+/.exec(engines.node)[0]}`

/**
 * The end of worker.cjs. Where Node was started with that file, it is a program; index.cjs only takes what is in it. A
 * module that is loaded before the program, by `--import` or `--require`, may have loaded it: Node would then not run it
 * again, so it must be forgotten. A file of its own for the program was refused: half a millisecond at every start.
 */
const program = `
if (require.main === module) void module.exports.main()
else if (process.argv[1] === __filename) delete require.cache[__filename]`

/**
 * src/ → dist/: worker.cjs, the program of a worker with all that it needs for plain calls; index.cjs, everything else, on
 * top of it; index.js, the names of index.cjs for `import`.
 *
 * A worker's start waits for this code. Node reads, links and runs 45 small ES modules in 27 ms, the same as one
 * CommonJS file in 6, and of that each 40 KB count for half a millisecond, run or not; so what only hosts need is in a file
 * of its own. One copy serves `import` and `require`, since a second one would have classes, codecs and memory of its
 * own. See docs/decisions/0013-a-worker-is-one-file.md.
 */
export async function buildBundle() {
  // Not above: these scripts are loaded before anything is installed.
  const { build, transform } = await import('esbuild')
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: { main: 'src/worker/main.ts', index: 'src/entry.ts' },
    outdir: join(root, 'dist'),
    bundle: true,
    // The second entry imports the first: what both reach is the whole of a worker's program.
    splitting: true,
    chunkNames: 'worker',
    platform: 'node',
    format: 'esm',
    target,
    define: { 'import.meta.dirname': '__dirname' },
    sourcemap: 'inline',
    write: false,
    logLevel: 'silent',
  })
  const texts = new Map(outputFiles.map(({ path, text }) => [basename(path), text]))
  if (texts.size !== 3 || !texts.has('worker.js'))
    throw new Error(`The build makes other parts than it should: ${[...texts.keys()].join(', ')}`)

  // esbuild divides code among files only in the form of ES modules, which take Node several times as long to load.
  const asCommonJs = async (name, text, footer = '') => {
    const { code, map } = await transform(text, {
      format: 'cjs',
      platform: 'node',
      target,
      banner: "'use strict'",
      footer,
      sourcefile: `${name}.js`,
      sourcemap: 'external',
      logLevel: 'silent',
    })
    const file = join(root, `dist/${name}.cjs`)
    writeIfChanged(file, `${inAscii(code)}//# sourceMappingURL=${name}.cjs.map\n`)
    writeIfChanged(`${file}.map`, map)
    return file
  }
  await asCommonJs('worker', texts.get('worker.js'), program)
  const index = await asCommonJs('index', takingValues(texts.get('index.js')))
  const names = Object.keys(createRequire(index)(index))
  writeIfChanged(join(root, 'dist/index.js'), namesForImport(names))

  // Rather than emptying the folder under running programs.
  const made = /^(?:(?:worker|index)\.cjs(?:\.map)?|index\.js|index\.d\.cts)$/
  for (const name of readdirSync(join(root, 'dist')))
    if (!made.test(name)) rmSync(join(root, 'dist', name), { recursive: true })
}

/**
 * The text with what it imports from the worker's file taken out of that once. esbuild would ask for it by name at each use,
 * through two getters, the second with a key of its own for each name: 25 ns of every call. Nothing there changes once it is
 * loaded, and it does not import this text.
 */
function takingValues(text) {
  const taken = text.replace(
    /^import \{([^}]*)\} from "\.\/worker\.js";/m,
    (_, names) => `const {${names.replaceAll(' as ', ': ')}} = require("./worker.cjs");`,
  )
  if (taken === text) throw new Error('index.js does not import the chunk as this expects it')
  return taken
}

/**
 * esbuild leaves letters beyond ASCII only in comments. One of them, and V8 keeps the whole file in two bytes a letter:
 * 140 KB in each worker.
 */
function inAscii(code) {
  return code.replaceAll(
    /[^\0-\x7f]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/**
 * The module that `import` gets. Not `export … from './index.cjs'`: to find out which names that file has, Node would
 * read all of it a second time.
 */
function namesForImport(names) {
  return `import { createRequire } from 'node:module'

const all = createRequire(import.meta.url)('./index.cjs')

export const { ${names.toSorted().join(', ')} } = all
`
}
