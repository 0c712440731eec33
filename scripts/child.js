// Runs another program in this one's place. Plain JavaScript: it runs before anything is installed.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'

/** @type {NodeJS.Signals[]} */
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP']

/**
 * Runs a program to its end, passing signals on to it.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<number>} Its exit code; 128 + n when signal n ended it, as a shell reports it.
 */
export function runToEnd(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', ...options })
    /** @param {NodeJS.Signals} signal */
    const forward = (signal) => child.kill(signal)
    for (const signal of FORWARDED) process.on(signal, forward)
    const stopForwarding = () => {
      for (const signal of FORWARDED) process.off(signal, forward)
    }
    child.once('error', (error) => {
      stopForwarding()
      reject(error)
    })
    child.once('exit', (code, signal) => {
      stopForwarding()
      resolve(code ?? 128 + (signal === null ? 1 : constants.signals[signal]))
    })
  })
}

/**
 * Becomes another program, where the platform can; otherwise runs it to its end and exits as it did.
 * @param {string} command
 * @param {readonly string[]} args
 */
export async function become(command, args) {
  // On POSIX systems Node 24 and later replace the process: signals, terminal and exit code need no passing on.
  if (process.execve !== undefined && process.platform !== 'win32')
    process.execve(command, [command, ...args], process.env)
  process.exitCode = await runToEnd(command, args)
}
