import { createRequire } from 'node:module'
import { join } from 'node:path'
import packageRoot from '../package-root.cjs'

/** Version of this package, as its package.json says it; host and worker must have the same. */
export const version = (
  createRequire(join(packageRoot, 'package.json'))('./package.json') as { version: string }
).version
