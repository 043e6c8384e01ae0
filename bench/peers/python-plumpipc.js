// PlumpIPC itself: its host is Python too, so a script of its own measures the same workload and
// hands back the same figures.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const PYTHON = fileURLToPath(new URL('../.venv/bin/python', import.meta.url))
const SCRIPT = fileURLToPath(new URL('../python/measure.py', import.meta.url))

export default {
  /** Runs `workload` in Python; resolves to its result. */
  measure(request) {
    if (!existsSync(PYTHON)) {
      return Promise.reject(new Error('not installed: bench/.venv has no Python with plump-ipc'))
    }
    return new Promise((resolve, reject) => {
      const child = spawn(PYTHON, [SCRIPT, JSON.stringify(request)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let text = ''
      child.stdout.setEncoding('utf8').on('data', (chunk) => (text += chunk))
      child.on('error', reject)
      child.on('close', (code) => {
        if (code === 0) resolve(JSON.parse(text))
        else reject(new Error(`measure.py ended with ${code}`))
      })
    })
  },
}
