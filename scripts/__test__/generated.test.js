import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { differences } from '../generated.js'

function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'plump-generated-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

test('a generated file drifts when it is missing or differs by one byte', (t) => {
  const path = join(folder(t), 'codes.ts')
  t.deepEqual(differences(path, 'a\n', 'codes.ts'), ['codes.ts is missing.'])
  writeFileSync(path, 'a')
  t.deepEqual(differences(path, 'a\n', 'codes.ts'), ['codes.ts is not what its source gives.'])
  writeFileSync(path, 'a\n')
  t.deepEqual(differences(path, 'a\n', 'codes.ts'), [])
})

test('a generated folder drifts by a changed, a missing and a left-over file', (t) => {
  const path = folder(t)
  for (const name of ['kept', 'changed', 'left-over']) {
    mkdirSync(join(path, name))
    writeFileSync(join(path, name, 'package.json'), 'old')
  }
  const made = new Map([
    ['kept/package.json', 'old'],
    ['changed/package.json', 'new'],
    ['missing/package.json', 'new'],
  ])
  t.deepEqual(differences(path, made, 'npm'), [
    'npm/changed/package.json is not what its source gives.',
    'npm/missing/package.json is missing.',
    'npm/left-over/package.json is no longer generated.',
  ])
})
