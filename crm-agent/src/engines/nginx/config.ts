import { shortHash } from '../../host-names.js';
import { addressText, type Backend, type PublicService } from './public-service.js';

/** What of the configuration depends on the host and not on the services. */
export interface NginxSettings {
  /** Absolute path of nginx's stream module. */
  readonly streamModule: string;
  /** Worker processes. */
  readonly workers: number;
  /** Open files that a worker may have. */
  readonly openFiles: number;
  /** Whether nginx starts as root; its workers then run as nobody. */
  readonly root: boolean;
  /** Files of a certificate and its key for the HTTP ports; they speak plain HTTP without. */
  readonly tls?: { readonly certificate: string; readonly key: string } | undefined;
}

/** A connection takes two descriptors, and logs and listeners some. */
const SPARE_FILES = 64;

/** A backend that failed this often is left alone for this time; the only one of a service is always tried. */
const HEALTH = 'max_fails=2 fail_timeout=5s';

/**
 * The configuration of one nginx for all services: the same services give the same text, whatever order they come in.
 * Paths in it are relative to nginx's prefix. Names go into it as hashes and as comments that cannot end; everything else
 * has been checked by `checkService`. Undefined when there is nothing to listen on.
 */
export function nginxConfig(services: Iterable<PublicService>, settings: NginxSettings): string | undefined {
  const sorted = [...services].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const http = sorted.filter((service) => service.proto === 'http');
  const stream = sorted.filter((service) => service.proto !== 'http' && service.backends.length > 0);
  if (http.length + stream.length === 0) return undefined;
  const parts = [mainPart(settings)];
  if (stream.length > 0) parts.push(streamPart(stream, settings));
  if (http.length > 0) parts.push(httpPart(http, settings));
  return parts.join('');
}

function mainPart({ streamModule, workers, openFiles, root }: NginxSettings): string {
  // Old workers end with their last connection; a day is for those that never end theirs.
  return `# Written by the edge agent; changes are lost.
load_module ${quoted(streamModule)};
daemon off;
${root ? 'user nobody nogroup;\n' : ''}pid nginx.pid;
error_log nginx.log notice;
worker_processes ${workers};
worker_rlimit_nofile ${openFiles};
worker_shutdown_timeout 24h;
events {
  worker_connections ${Math.max(SPARE_FILES, openFiles - SPARE_FILES)};
}
`;
}

function streamPart(services: readonly PublicService[], settings: NginxSettings): string {
  return `stream {
  error_log traffic.log error;
  proxy_connect_timeout 3s;
  proxy_next_upstream_timeout 10s;
  proxy_socket_keepalive on;
${services.map((service) => streamServer(service, settings)).join('')}}
`;
}

/**
 * Datagrams of one client belong together: they go to one backend, also after a reload, and to one worker, for which
 * every worker has a socket of its own. A TCP connection may be silent as long as its ends answer keep-alive probes.
 */
function streamServer(service: PublicService, { workers }: NginxSettings): string {
  const { proto, address, port } = service;
  const udp = proto === 'udp';
  const kind = udp ? ` udp${workers > 1 ? ' reuseport' : ''}` : ' so_keepalive=on';
  return `${upstream(service, udp ? 'hash $remote_addr:$remote_port consistent' : 'least_conn')}  server {
    listen ${addressText(address, port)}${kind};
    proxy_timeout ${udp ? '120s' : '24h'};
    proxy_pass ${upstreamId(service)};
  }
`;
}

function httpPart(services: readonly PublicService[], { tls }: NginxSettings): string {
  const ports = new Map<string, PublicService[]>();
  for (const service of services) {
    const listen = addressText(service.address, service.port);
    ports.set(listen, [...(ports.get(listen) ?? []), service]);
  }
  const certificate = tls
    ? `  ssl_certificate ${quoted(tls.certificate)};\n  ssl_certificate_key ${quoted(tls.key)};\n`
    : '';
  const servers = [...ports].map(
    ([listen, sharing]) => `  server {
    listen ${listen} default_server so_keepalive=on${tls ? ' ssl' : ''};
${sharing.map(location).join('')}${sharing.some((s) => s.pathPrefix === '') ? '' : '    location / { return 404; }\n'}  }
`,
  );
  return `http {
  error_log traffic.log error;
  access_log off;
  server_tokens off;
  absolute_redirect off;
  client_max_body_size 0;
  client_body_temp_path tmp/body;
  proxy_temp_path tmp/proxy;
  fastcgi_temp_path tmp/fastcgi;
  uwsgi_temp_path tmp/uwsgi;
  scgi_temp_path tmp/scgi;
${certificate}  map $http_upgrade $connection_header {
    default upgrade;
    '' close;
  }
  proxy_http_version 1.1;
  proxy_buffering off;
  proxy_request_buffering off;
  proxy_connect_timeout 3s;
  proxy_next_upstream_timeout 10s;
  proxy_read_timeout 1h;
  proxy_send_timeout 1h;
${services
  .filter((service) => service.backends.length > 0)
  .map((service) => upstream(service, 'least_conn'))
  .join('')}${servers.join('')}}
`;
}

/**
 * A backend sees its own paths, without the prefix (spec section 13.4); where it redirects to and which paths its cookies
 * are for get the prefix back unless they have it, as all services of a port look like one host to a browser.
 */
function location(service: PublicService): string {
  const { pathPrefix, backends } = service;
  const path = pathPrefix === '' ? '/' : `/${pathPrefix}/`;
  if (backends.length === 0) return `    location ${path} { return 503; }\n`;
  const back =
    pathPrefix === ''
      ? ''
      : `      proxy_redirect ${path} ${path};
      proxy_redirect / ${path};
      proxy_redirect $scheme://$http_host/ ${path};
      proxy_cookie_path /${pathPrefix} /${pathPrefix};
      proxy_cookie_path / ${path};
      proxy_set_header X-Forwarded-Prefix /${pathPrefix};
`;
  return `    location ${path} {
      proxy_pass http://${upstreamId(service)}/;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_header;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
${back}    }
`;
}

/** Workers share what they know of the backends in a zone. */
function upstream(service: PublicService, method: string): string {
  const id = upstreamId(service);
  const servers = [...new Set(service.backends.map(backendText))].sort();
  return `  # ${service.name.replace(/[^ -~]/g, '?')}
  upstream ${id} {
    zone ${id} 64k;
    ${method};
${servers.map((server) => `    server ${server} ${HEALTH};\n`).join('')}  }
`;
}

const backendText = ({ address, port }: Backend): string => addressText(address, port);

const upstreamId = ({ name }: PublicService): string => `s${shortHash(name)}`;

/** A path as one word; the agent has refused those that nginx would read variables in. */
const quoted = (path: string): string => `"${path.replace(/[\\"]/g, '\\$&')}"`;
