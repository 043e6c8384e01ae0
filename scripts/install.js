import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { root, run } from './process.js'
import { step } from './step.js'

/**
 * Installs what the lock file of `folder` names, unless exactly that has been installed before. The content of the
 * lock file decides, not its time: a clone and a checkout set times that say nothing.
 */
export async function install(folder = root) {
  const lock = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .digest('hex')
  const stamp = join(folder, 'node_modules/.installed-lock-sha256')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return

  const name = relative(root, folder)
  await step(name === '' ? 'npm ci' : `npm ci in ${name}`, async () => {
    // The tools to build with are needed whatever NODE_ENV says.
    await npm(['ci', '--include=dev', '--no-audit', '--no-fund'], folder)
    writeFileSync(stamp, lock)
  })
}

function npm(args, cwd) {
  // Inside `npm run` this is the very npm that runs; it may be a script that only Node can start.
  const cli = process.env.npm_execpath
  if (cli !== undefined && /\bnpm-cli\.c?js$/.test(cli))
    return run(process.execPath, [cli, ...args], { cwd })
  return run(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, { cwd })
}
