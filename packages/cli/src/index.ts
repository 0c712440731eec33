/** The command line of CIM for TypeScript. */

export { runCli } from './cli.ts'
export type { CliEnvironment, CliStream } from './cli-stream.ts'
