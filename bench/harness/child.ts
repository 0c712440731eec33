/** Work in a process of its own, so that neither its memory nor its compiled code touches what is measured elsewhere. */

import { fork, type Serializable } from 'node:child_process'
import { once } from 'node:events'

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
 * @param onLine is told what it prints to stdout and stderr
 * @throws {Error} when it ends without a message, with the last of what it printed
 */
export async function startChild<TMessage>(
  modulePath: string,
  input: Serializable,
  onLine?: (line: string) => void,
): Promise<Child<TMessage>> {
  const child = fork(modulePath, [JSON.stringify(input)], {
    execArgv: ['--conditions=@cim/source', '--disable-warning=ExperimentalWarning', '--expose-gc'],
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
  const nextMessage = <TNext>(): Promise<TNext> =>
    Promise.race([
      once(child, 'message').then(([message]) => message as TNext),
      exited.then(([code, signal]) => {
        throw new Error(`ended with ${signal ?? `exit code ${code}`}: ${output.trim() || 'it printed nothing'}`)
      }),
    ])
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
  onLine?: (line: string) => void,
): Promise<TMessage> {
  await using child = await startChild<TMessage>(modulePath, input, onLine)
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
