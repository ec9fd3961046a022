// HTTP through libcurl, which is opened when the first request is made: a program that makes none neither links
// nor loads it. One exchange at a time per session; no redirect is followed here.
#ifndef CHTTP_H
#define CHTTP_H

#include <stdbool.h>
#include <stddef.h>

/// How an exchange ended below HTTP itself.
typedef enum chttp_outcome {
    CHTTP_DONE,         // a response came, whatever its status
    CHTTP_STOPPED,      // a callback returned false
    CHTTP_NO_LIBRARY,   // libcurl is not there
    CHTTP_NO_HOST,      // the host's (or the proxy's) name is not known
    CHTTP_NO_CONNECTION,// nobody answers there
    CHTTP_CUT,          // the connection broke on the way
    CHTTP_CERTIFICATE,  // the server's certificate is not to be trusted, or no authorities are installed
    CHTTP_BAD_URL,      // not a URL, or one whose scheme is not allowed
    CHTTP_FAILED,       // anything else
} chttp_outcome;

/// What is asked of a server, and who hears the answer. All text is NUL-ended and read during the call only.
typedef struct chttp_request {
    const char *url;
    const char *const *headers;     // "Name: value", ended by NULL
    const char *user_agent;
    const char *certificates;       // a PEM file of authorities instead of the system's, or NULL
    bool head;                      // ask for headers alone
    bool allows_plain;              // http:// beside https://
    long connect_seconds;
    void *context;
    // Each header line as it came, status lines among them. False ends the exchange, here and below.
    bool (*header)(void *context, const char *line, size_t count);
    bool (*body)(void *context, const void *bytes, size_t count);
    // Called about once a second, more often while bytes come.
    bool (*tick)(void *context);
} chttp_request;

/// What came back.
typedef struct chttp_response {
    long status;             // of the last response, 0 when none came
    long retry_after;        // seconds the server asks to wait, 0 when it does not
    const char *location;    // the absolute URL of a redirect, or NULL; lives until the session's next exchange
    char reason[256];        // why it did not come, for people; printable ASCII
} chttp_response;

typedef struct chttp_session chttp_session;

/// A session keeps connections open between exchanges. NULL, with the reason, when libcurl is not there.
chttp_session *chttp_open(char *reason, size_t capacity);
void chttp_close(chttp_session *session);

chttp_outcome chttp_exchange(chttp_session *session, const chttp_request *request, chttp_response *response);

/// Writes `scheme://host:port` of a URL, in lower case and with the scheme's default port put in. False when it is
/// no http or https URL, names a user or password, or does not fit.
bool chttp_origin(chttp_session *session, const char *url, char *origin, size_t capacity);

#endif
