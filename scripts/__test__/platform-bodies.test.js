import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { emptyBodies, problems } from '../platform-bodies.js'

test('placeholders and errors that only refuse are found in their function', (t) => {
  const source = `
/// Seals the block. Not supported before Linux 3.17.
pub fn seal(block: &Block) -> io::Result<()> {
    todo! {}
}

fn reserve() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into()) // no such thing here
}

fn done() -> io::Result<()> {
    // ENOSYS is what old kernels answer.
    Ok(())
}

fn page_size() -> usize { unimplemented! {} }
`
  t.deepEqual(
    emptyBodies(source).map(({ line, function: name }) => `${line} ${name}`),
    ['4 seal', '8 reserve', '16 page_size'],
  )
})

test('docs/platforms.md excuses a refusal that it names, never a placeholder', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'plump-platform-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'crates/core/src/platform/windows'), { recursive: true })
  mkdirSync(join(folder, 'docs'))
  const source = `fn seal() { Err(Error::Unsupported) }\nfn reserve() { todo! {} }\n`
  writeFileSync(join(folder, 'crates/core/src/platform/windows/memory.rs'), source)
  // A word that users may read is no missing body.
  writeFileSync(
    join(folder, 'crates/core/src/errors.rs'),
    `fn text() { "not supported by this codec" }`,
  )
  t.is(problems(folder).length, 2)

  const places = ['seal', 'reserve'].map((name) => `\`platform/windows/memory.rs: ${name}\``)
  writeFileSync(
    join(folder, 'docs/platforms.md'),
    `No ${places.join(', no ')}; calls run over pipes.`,
  )
  const left = problems(folder)
  t.is(left.length, 1)
  t.regex(left[0], /memory\.rs:2: in `platform\/windows\/memory\.rs: reserve`: fn reserve/)
})
