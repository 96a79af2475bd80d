// What both listeners share: the order in which a request is refused, and how errors look.

import fastify from 'fastify';

import { isUnavailable } from './db.js';
import { Refusal, insist } from './errors.js';
import { log } from './log.js';
import { isUuid } from './moment.js';

const BODY_BYTES = 64 * 1024;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Marks a route that reads its body. */
export const WITH_BODY = { body: true };

/** A listener; `route(method, path, guards, handler)` adds to it. Guards run in turn before the body is read. */
export function listener(life) {
  const app = fastify({
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { maxParamLength: 8192 },
    frameworkErrors: answerError, // a path that cannot be decoded
  });
  const known = [];
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', readBody);
  app.addHook('onRequest', async (request) => {
    if (!request.is404) return;
    const path = request.url.split('?')[0];
    throw new Refusal(known.some((pattern) => pattern.test(path)) ? 'METHOD_NOT_ALLOWED' : 'NOT_FOUND');
  });
  app.addHook('onSend', async (_request, reply) => {
    if (life.stopping) reply.header('connection', 'close');
  });
  app.setErrorHandler(answerError);
  const route = (method, path, guards, handler, config = {}) => {
    known.push(new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`));
    app.route({ method, url: path, onRequest: guards, handler, config });
  };
  return { app, route };
}

/** For a route marked by WITH_BODY; others ignore one, however large. */
function readBody(request, payload, done) {
  if (!request.routeOptions.config.body) {
    payload.resume();
    return done(null);
  }
  const chunks = [];
  let size = 0;
  payload.on('data', (chunk) => (size += chunk.length) <= BODY_BYTES && chunks.push(chunk));
  payload.on('error', done);
  return payload.on('end', () => {
    const refusal = size > BODY_BYTES ? new Refusal('PAYLOAD_TOO_LARGE', 'the body is larger than 64 KiB') : null;
    done(refusal, Buffer.concat(chunks));
  });
}

function answerError(error, request, reply) {
  const { code, status, message } = asRefusal(error, request);
  reply.code(status).send({ error: { code, message } });
}

function asRefusal(error, request) {
  if (error instanceof Refusal) return error;
  if (error.statusCode >= 400 && error.statusCode < 500) return new Refusal('VALIDATION_ERROR', error.message);
  if (isUnavailable(error)) return new Refusal('SERVICE_UNAVAILABLE', 'the database cannot be reached');
  log(`[http] ${request.method} ${request.url}: ${error.stack}`);
  return new Refusal('INTERNAL_ERROR');
}

/** The body, an object whose fields satisfy the tests of `fields`. */
export function bodyOf(request, fields) {
  let body;
  try {
    body = JSON.parse(UTF8.decode(request.body));
  } catch {
    throw new Refusal('BAD_JSON', 'the body is no JSON');
  }
  insist(body !== null && typeof body === 'object' && !Array.isArray(body), 'VALIDATION_ERROR', 'an object is needed');
  for (const [name, isGood] of Object.entries(fields)) {
    insist(isGood(body[name]), 'VALIDATION_ERROR', `${name} is missing or wrong`);
  }
  return body;
}

/** The `:id` of the path, as Postgres writes it. */
export function idOf(request) {
  insist(isUuid(request.params.id), 'VALIDATION_ERROR', 'the id is no uuid');
  return request.params.id.toLowerCase();
}
