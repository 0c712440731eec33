// `npm run format [-- paths]`: rewrites files in the workspace's format and applies the safe fixes of the linter.
import { runTool } from './tools.ts'

const { exitCode, output } = await runTool('biome', ['check', '--write', '--colors=off', ...process.argv.slice(2)])
process.stdout.write(output)
process.exitCode = exitCode
