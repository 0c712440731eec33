// The command-line tools of the workspace, run under the Node that runs this.
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'

export const root: string = dirname(import.meta.dirname)

/** The published packages, each after the ones that it depends on. */
export const packages = ['core', 'testing', 'sqlite', 'nats', 'http', 'cli'] as const

const BINARIES = { biome: '@biomejs/biome/bin/biome', tsc: 'typescript/bin/tsc' }

export type ToolResult = { readonly exitCode: number; readonly output: string }

/** Runs a tool in the workspace's folder. */
export function runTool(tool: keyof typeof BINARIES, args: readonly string[]): Promise<ToolResult> {
  return run(process.execPath, [join(root, 'node_modules', BINARIES[tool]), ...args], root)
}

/** Runs a program and collects what it prints, stdout and stderr in one. */
export function run(command: string, args: readonly string[], cwd: string): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const collect = (chunk: string) => {
      output += chunk
    }
    child.stdout.setEncoding('utf8').on('data', collect)
    child.stderr.setEncoding('utf8').on('data', collect)
    child.once('error', reject)
    child.once('close', (code) => resolve({ exitCode: code ?? 1, output }))
  })
}
