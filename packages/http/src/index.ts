/** The HTTP API of any CIM for TypeScript application. */

export type { GateOptions } from './gate.ts'
export { createHttpApi, type HttpApi } from './http-api.ts'
export type { HttpApiOptions, HttpFault } from './http-api-options.ts'
export { HttpServer, type HttpServerOptions } from './http-server.ts'
export { type OpenApiInfo, openApiDocument } from './openapi/openapi-document.ts'
export type { Authenticate, Principal } from './principal.ts'
export {
  HttpRequestError,
  type HttpRequestErrorCode,
  ListenError,
  UnprotectedAddressError,
} from './problems/http-errors.ts'
export { type ProblemKind, problemKinds } from './problems/problem-kinds.ts'
