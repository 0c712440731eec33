/** Work in a process of its own, so that neither its memory nor its compiled code touches what is measured elsewhere. */

import { fork, type Serializable } from 'node:child_process'
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'

/** How to listen to a process, and how long. */
export interface ChildOptions {
  /** Is told what it prints to stdout and stderr. */
  readonly onLine?: (line: string) => void
  /** How long it may take to answer, before it is killed. */
  readonly timeoutMs?: number
  /** For Node, before the module's path. */
  readonly nodeOptions?: readonly string[]
}

/** A process that has been started and has said its first word. */
export interface Child<TMessage> extends AsyncDisposable {
  readonly firstMessage: TMessage
  /** Sends it a message. @returns its next one */
  ask<TAnswer>(message: Serializable): Promise<TAnswer>
  /** Asks it to end by closing the channel to it, and waits. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Starts a module and waits for its first message.
 * @param modulePath absolute
 * @param input plain JSON, its first argument
 * @throws {Error} when it ends without a message, with the last of what it printed
 */
export async function startChild<TMessage>(
  modulePath: string,
  input: Serializable,
  { onLine, timeoutMs, nodeOptions = [] }: ChildOptions = {},
): Promise<Child<TMessage>> {
  const child = fork(modulePath, [JSON.stringify(input)], {
    execArgv: ['--conditions=@cim/source', '--disable-warning=ExperimentalWarning', '--expose-gc', ...nodeOptions],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-4000)
      for (const line of text.split('\n')) if (line.trim() !== '') onLine?.(line)
    })
  }
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>
  const startedAt = performance.now()
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  const nextMessage = <TNext>(): Promise<TNext> =>
    Promise.race([
      once(child, 'message').then(([message]) => message as TNext),
      exited.then(([code, signal]) => {
        const seconds = Math.round((performance.now() - startedAt) / 1000)
        const end =
          signal === 'SIGKILL' ? `was not done after ${seconds} s` : `ended with ${signal ?? `exit code ${code}`}`
        throw new Error(`${end}: ${output.trim() || 'it printed nothing'}`)
      }),
    ]).finally(() => clearTimeout(timer))
  return {
    firstMessage: await nextMessage<TMessage>(),
    ask: (message) => {
      child.send(message)
      return nextMessage()
    },
    [Symbol.asyncDispose]: async () => {
      if (child.connected) child.disconnect()
      await exited
    },
  }
}

/** Runs a module to its end. @returns its only message */
export async function runChild<TMessage>(
  modulePath: string,
  input: Serializable,
  options?: ChildOptions,
): Promise<TMessage> {
  await using child = await startChild<TMessage>(modulePath, input, options)
  return child.firstMessage
}

/** In a child: what it was started with. */
export function childInput<TInput>(): TInput {
  return JSON.parse(process.argv[2] ?? '{}') as TInput
}

/** In a child: answers whoever started it. */
export function answer(message: Serializable): void {
  process.send?.(message)
}

/** In a child: answers every message, until it is asked to end. */
export async function answerAll<TMessage>(handle: (message: TMessage) => Promise<Serializable>): Promise<void> {
  process.on('message', (message) => void handle(message as TMessage).then(answer))
  await untilAsked()
}

/** In a child: waits until it is asked to end. */
export async function untilAsked(): Promise<void> {
  if (process.connected) await once(process, 'disconnect')
}
