// What both listeners share: the order in which a request is refused, and how errors look.

import fastify from 'fastify';

import { isUnavailable } from './db.js';
import { Refusal, insist } from './errors.js';
import { log } from './log.js';
import { isUuid } from './moment.js';

const BODY_BYTES = 64 * 1024;

/** A listener; `route(method, path, guards, handler)` adds to it. Guards run in turn before the body is read. */
export function listener() {
  const app = fastify({
    bodyLimit: BODY_BYTES,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { maxParamLength: 8192 },
  });
  const known = [];
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.addHook('onRequest', async (request) => {
    if (!request.is404) return;
    const path = request.url.split('?')[0];
    throw new Refusal(known.some((pattern) => pattern.test(path)) ? 'METHOD_NOT_ALLOWED' : 'NOT_FOUND');
  });
  app.setErrorHandler((error, request, reply) => {
    const { code, status, message } = asRefusal(error, request);
    reply.code(status).send({ error: { code, message } });
  });
  const route = (method, path, guards, handler) => {
    known.push(new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`));
    app.route({ method, url: path, onRequest: guards, handler });
  };
  return { app, route };
}

function asRefusal(error, request) {
  if (error instanceof Refusal) return error;
  if (error.statusCode === 413) return new Refusal('PAYLOAD_TOO_LARGE', 'the body is larger than 64 KiB');
  if (error.statusCode >= 400 && error.statusCode < 500) return new Refusal('VALIDATION_ERROR', error.message);
  if (isUnavailable(error)) return new Refusal('SERVICE_UNAVAILABLE', 'the database cannot be reached');
  log(`[http] ${request.method} ${request.url}: ${error.stack}`);
  return new Refusal('INTERNAL_ERROR');
}

/** The body, an object whose fields satisfy the tests of `fields`. */
export function bodyOf(request, fields) {
  let body;
  try {
    body = JSON.parse(request.body ?? '');
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
