// Fails when a function has no real body: a `todo!` or an `unimplemented!` anywhere, or, in what is written for one
// system, an error that only says that something is not supported. The one way out of the latter is docs/platforms.md,
// which must name the place as `path.rs: function` (the path from the crate's src/) and say what is used instead.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './process.js'

const PLACEHOLDER = /\b(?:todo|unimplemented)!/
const REFUSAL = /\bunsupported\b|\bnot supported\b|\bENOSYS\b|\bENOTSUP\b|\bERROR_NOT_SUPPORTED\b/i
const OF_ONE_SYSTEM = /(?:^|\/)(?:platform\/|(?:absent|linux|macos|unix|windows)(?:\/|\.rs$))/
const FUNCTION = /\bfn\s+(\w+)/

/**
 * The functions in `source` that only pretend to do something.
 *
 * @param {string} source Rust
 * @returns {Array<{ line: number, function: string, text: string, refuses: boolean }>}
 *   `line` counts from 1; `refuses`: it answers with an error, rather than by a panic
 */
export function emptyBodies(source) {
  const found = []
  let name = '(no function)'
  for (const [index, text] of source.split('\n').entries()) {
    const code = text.replace(/^\s*\/\/.*$|\s\/\/.*$/, '')
    name = FUNCTION.exec(code)?.[1] ?? name
    const refuses = !PLACEHOLDER.test(code)
    if (refuses && !REFUSAL.test(code)) continue
    found.push({ line: index + 1, function: name, text: text.trim(), refuses })
  }
  return found
}

/**
 * What is wrong in the crates below `folder`, one line each.
 *
 * @param {string} folder the repository
 * @returns {string[]}
 */
export function problems(folder) {
  const page = join(folder, 'docs/platforms.md')
  const documented = existsSync(page) ? readFileSync(page, 'utf8') : ''
  const wrong = []
  for (const crate of readdirSync(join(folder, 'crates'))) {
    const sources = join(folder, 'crates', crate, 'src')
    for (const entry of readdirSync(sources, { recursive: true })) {
      if (!entry.endsWith('.rs')) continue
      const file = join(sources, entry)
      const name = entry.replaceAll(sep, '/')
      for (const body of emptyBodies(readFileSync(file, 'utf8'))) {
        const place = `\`${name}: ${body.function}\``
        if (body.refuses && (!OF_ONE_SYSTEM.test(name) || documented.includes(place))) continue
        wrong.push(`${relative(folder, file)}:${body.line}: in ${place}: ${body.text}`)
      }
    }
  }
  return wrong
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const wrong = problems(root)
  for (const line of wrong) console.log(line)
  if (wrong.length > 0) {
    console.log(
      'Give each a body, or name it in docs/platforms.md with the fall-back that is used instead.',
    )
    process.exitCode = 1
  }
}
