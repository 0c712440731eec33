// `npm run check`: format, lint, imports and types of the whole workspace.
import { packages, runTool, type ToolResult } from './tools.ts'

type Step = { readonly name: string; readonly run: () => Promise<ToolResult> }

const biomeArgs = ['check', '--error-on-warnings', '--max-diagnostics=200', '--colors=off']

const steps: readonly Step[] = [
  { name: 'format, lint, imports', run: () => runTool('biome', biomeArgs) },
  // Everything, tests included, as the workspace runs it: against the sources, with Node's types.
  { name: 'types of the workspace', run: () => runTool('tsc', ['-p', '.']) },
  // Each package alone, as it is published: core without Node's types, every export with its type written down.
  ...packages.map((name) => ({ name: `types of @cim/${name}`, run: () => runTool('tsc', ['-p', `packages/${name}`]) })),
]

const results = await Promise.all(steps.map(async (step) => ({ name: step.name, ...(await step.run()) })))
for (const { name, exitCode, output } of results) {
  if (exitCode !== 0) process.stdout.write(output)
  process.stdout.write(`${exitCode === 0 ? 'ok    ' : 'FAILED'} ${name}\n`)
}
process.exitCode = results.every(({ exitCode }) => exitCode === 0) ? 0 : 1
