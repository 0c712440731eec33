/** The NATS JetStream adapters of CIM for TypeScript. */
