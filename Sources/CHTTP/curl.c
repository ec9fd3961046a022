#include "CHTTP.h"

#include <ctype.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// CURLOPT_PROTOCOLS is deprecated for one that libcurl before 7.85 does not know; both are understood by all later
// versions.
#define CURL_DISABLE_DEPRECATION
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

// The functions that are used, as pointers with the types the library's own header declares.
#define FUNCTIONS(X)                                                                                                   \
    X(curl_global_init) X(curl_easy_init) X(curl_easy_cleanup) X(curl_easy_reset) X(curl_easy_setopt)                  \
    X(curl_easy_perform) X(curl_easy_getinfo) X(curl_easy_strerror) X(curl_slist_append) X(curl_slist_free_all)        \
    X(curl_url) X(curl_url_cleanup) X(curl_url_set) X(curl_url_get) X(curl_free)

#define MEMBER(name) __typeof__(name) *name;
static struct {
    FUNCTIONS(MEMBER)
} library;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_there;
static char why_not[256];

static void copy_reason(char *into, size_t capacity, const char *text) {
    snprintf(into, capacity, "%s", text);
    for (char *c = into; *c; c++) {
        if (*c < 0x20 || *c > 0x7e) *c = '?';
    }
}

static void load(void) {
#if defined(__APPLE__)
    static const char *const names[] = {"/usr/lib/libcurl.4.dylib", "libcurl.4.dylib", NULL};
#else
    static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4", NULL};
#endif
    void *handle = NULL;
    for (size_t i = 0; names[i] != NULL && handle == NULL; i++) {
        handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        if (handle == NULL && i == 0) {
            const char *reason = dlerror();
            copy_reason(why_not, sizeof why_not, reason ? reason : names[i]);
        }
    }
    if (handle == NULL) return;
#define FIND(name)                                                                                                     \
    library.name = (__typeof__(library.name))dlsym(handle, #name);                                                     \
    if (library.name == NULL) {                                                                                        \
        copy_reason(why_not, sizeof why_not, "the installed libcurl is too old: it has no " #name);                    \
        return;                                                                                                        \
    }
    FUNCTIONS(FIND)
    if (library.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        copy_reason(why_not, sizeof why_not, "libcurl cannot be started");
        return;
    }
    is_there = true; // the handle is kept: the library stays until the process ends
}

struct chttp_session {
    CURL *easy;
};

chttp_session *chttp_open(char *reason, size_t capacity) {
    pthread_once(&once, load);
    if (!is_there) {
        copy_reason(reason, capacity, why_not);
        return NULL;
    }
    chttp_session *session = calloc(1, sizeof *session);
    if (session != NULL) session->easy = library.curl_easy_init();
    if (session == NULL || session->easy == NULL) {
        free(session);
        copy_reason(reason, capacity, "out of memory");
        return NULL;
    }
    return session;
}

void chttp_close(chttp_session *session) {
    if (session == NULL) return;
    library.curl_easy_cleanup(session->easy);
    free(session);
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context) {
    const chttp_request *request = context;
    return request->header(request->context, bytes, size * count) ? size * count : 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context) {
    const chttp_request *request = context;
    return request->body(request->context, bytes, size * count) ? size * count : 0;
}

static int on_tick(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    (void)a, (void)b, (void)c, (void)d;
    const chttp_request *request = context;
    return request->tick(request->context) ? 0 : 1;
}

static chttp_outcome outcome_of(CURLcode code) {
    switch (code) {
    case CURLE_OK: return CHTTP_DONE;
    case CURLE_WRITE_ERROR:
    case CURLE_ABORTED_BY_CALLBACK: return CHTTP_STOPPED;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return CHTTP_NO_HOST;
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT: return CHTTP_NO_CONNECTION;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return CHTTP_CUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CERTPROBLEM: return CHTTP_CERTIFICATE;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT: return CHTTP_BAD_URL;
    default: return CHTTP_FAILED;
    }
}

chttp_outcome chttp_exchange(chttp_session *session, const chttp_request *request, chttp_response *response) {
    CURL *easy = session->easy;
    *response = (chttp_response){0};
    library.curl_easy_reset(easy); // options go, open connections stay
    struct curl_slist *headers = NULL;
    for (size_t i = 0; request->headers[i] != NULL; i++) {
        struct curl_slist *longer = library.curl_slist_append(headers, request->headers[i]);
        if (longer == NULL) {
            library.curl_slist_free_all(headers);
            copy_reason(response->reason, sizeof response->reason, "out of memory");
            return CHTTP_FAILED;
        }
        headers = longer;
    }
    char text[CURL_ERROR_SIZE] = "";
    const long protocols = CURLPROTO_HTTPS | (request->allows_plain ? CURLPROTO_HTTP : 0);
    CURLcode code = CURLE_OK;
#define SET(option, value)                                                                                             \
    if (code == CURLE_OK) code = library.curl_easy_setopt(easy, option, value)
    SET(CURLOPT_ERRORBUFFER, text);
    SET(CURLOPT_PROTOCOLS, protocols);
    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_NOBODY, request->head ? 1L : 0L);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_USERAGENT, request->user_agent);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_CONNECTTIMEOUT, request->connect_seconds);
    SET(CURLOPT_BUFFERSIZE, 256L << 10);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, (void *)request);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, (void *)request);
    SET(CURLOPT_XFERINFOFUNCTION, on_tick);
    SET(CURLOPT_XFERINFODATA, (void *)request);
    if (request->certificates != NULL) SET(CURLOPT_CAINFO, request->certificates);
    if (code == CURLE_OK) code = library.curl_easy_perform(easy);

    curl_off_t wait = 0;
    char *location = NULL;
    library.curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &response->status);
    if (library.curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &location) == CURLE_OK) response->location = location;
    // Unknown to libcurl before 7.66, which then leaves the 0.
    if (library.curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK && wait > 0)
        response->retry_after = wait < 1 << 30 ? (long)wait : 1L << 30;
    if (code != CURLE_OK)
        copy_reason(response->reason, sizeof response->reason, text[0] ? text : library.curl_easy_strerror(code));
    library.curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
    library.curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
    library.curl_slist_free_all(headers);
    return outcome_of(code);
}

bool chttp_origin(chttp_session *session, const char *url, char *origin, size_t capacity) {
    (void)session; // that there is one says that the library is there
    CURLU *parts = library.curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL, *password = NULL;
    bool is_good = parts != NULL && library.curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK
        && library.curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK
        && library.curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK
        && library.curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK
        && library.curl_url_get(parts, CURLUPART_USER, &user, 0) != CURLUE_OK
        && library.curl_url_get(parts, CURLUPART_PASSWORD, &password, 0) != CURLUE_OK
        && (strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0);
    if (is_good) {
        int length = snprintf(origin, capacity, "%s://%s:%s", scheme, host, port);
        is_good = length > 0 && (size_t)length < capacity;
        for (char *c = origin; is_good && *c; c++) *c = (char)tolower((unsigned char)*c);
    }
    library.curl_free(scheme);
    library.curl_free(host);
    library.curl_free(port);
    library.curl_free(user);
    library.curl_free(password);
    if (parts != NULL) library.curl_url_cleanup(parts);
    return is_good;
}
