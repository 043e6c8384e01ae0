import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './process.js'

/**
 * The test files whose workers are linked by the channel that PLUMP_TEST_CHANNEL names: those that start them through
 * `__test__/start.ts`, which is the one place where the variable is read.
 *
 * @returns {string[]} paths relative to the repository
 */
export function filesOverEveryChannel() {
  const files = readdirSync(join(root, '__test__'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts') && !file.startsWith('examples'))
    .map((file) => join('__test__', file))
    .filter((file) => /from '\.{1,2}\/start\.js'/.test(readFileSync(join(root, file), 'utf8')))
  return files.toSorted()
}
