/* error.c: status names and the record of the last failure on each thread. */
#include "lgr_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local lgr_error last;

const char *lgr_status_name(lgr_status s)
{
    switch (s) {
#define X(name, number, doc) case name: return #name;
        LGR_STATUS_LIST(X)
#undef X
    default: return "LGR_UNKNOWN";
    }
}

const char *lgr_status_sentence(lgr_status s)
{
    switch (s) {
#define X(name, number, doc) case name: return doc;
        LGR_STATUS_LIST(X)
#undef X
    default: return "no such status";
    }
}

uint32_t lgr_version(void) { return LGR_VERSION_MAJOR << 16 | LGR_VERSION_MINOR; }

lgr_status lgr__fail(lgr_status s, const lgr_kernel *k, const char *argument, const char *found, const char *fmt, ...)
{
    va_list ap;
    memset(&last, 0, sizeof last);
    last.status = s;
    if (k)
        snprintf(last.op, sizeof last.op, "%s.%s", lgr__str(k->pack, k->k->op), lgr__str(k->pack, k->k->name));
    snprintf(last.argument, sizeof last.argument, "%s", argument ? argument : "");
    snprintf(last.found, sizeof last.found, "%s", found ? found : "");
    va_start(ap, fmt);
    vsnprintf(last.wanted, sizeof last.wanted, fmt, ap);
    va_end(ap);
    return s;
}

lgr_status lgr__name_op(lgr_status s, const lgr_kernel *k)
{
    if (s != LGR_OK && !last.op[0])
        snprintf(last.op, sizeof last.op, "%s.%s", lgr__str(k->pack, k->k->op), lgr__str(k->pack, k->k->name));
    return s;
}

lgr_status lgr__fail_driver(const char *call, int code, const char *hint)
{
    memset(&last, 0, sizeof last);
    last.status = LGR_ERROR_DRIVER;
    snprintf(last.driver_call, sizeof last.driver_call, "%s", call);
    last.driver_code = code;
    snprintf(last.found, sizeof last.found, "%s", hint ? hint : "");
    return LGR_ERROR_DRIVER;
}

const lgr_error *lgr_last_error(void) { return &last; }

size_t lgr_last_error_text(char *buf, size_t n)
{
    const char *sep = last.op[0] ? ": " : "";
    int len;
    if (last.driver_call[0])
        len = snprintf(buf, n, "%s%s%s failed with %d%s%s", last.op, sep, last.driver_call, (int)last.driver_code, last.found[0] ? ": " : "", last.found);
    else
        len = snprintf(buf, n, "%s%s%s%s%s%s%s [%s]", last.op, sep, last.argument, last.argument[0] ? ": " : "", last.found,
                       last.wanted[0] && last.found[0] ? ", wanted " : "", last.wanted, lgr_status_name(last.status));
    return len < 0 ? 0 : (size_t)len;
}
