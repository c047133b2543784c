/* sema_error.c: errors of this room: each place and code once, with the binding it was found under.
 *
 * In: what went wrong.  Out: items in cx->d; cx->failed.  Invariant: notes are dropped with a repeated error.
 */
#include "sema_in.h"
#include <stdio.h>
#include <string.h>

static bool said_before(const Diag *d, DiagCode code, Span sp)
{
    for (uint32_t i = 0; i < d->n; i++)
        if (d->items[i].code == code && !memcmp(&d->items[i].sp, &sp, sizeof sp)) return true;
    return false;
}

static void report(Cx *cx, DiagClass cls, DiagCode code, Span sp, const char *msg)
{
    cx->failed = true;
    cx->told = !said_before(cx->d, code, sp);
    if (!cx->told) return;
    diag_report(cx->d, cls, code, sp, "%s", msg);
    if (!cx->k || !cx->b) return;
    SemaBinding plain = sema_binding_default(cx->op);
    if (memcmp(&plain, cx->b, sizeof plain))
        diag_note(cx->d, cx->k->sp, "in %s with %s", cx->k->name, sema_binding_text(cx->op, (int)(cx->k - cx->op->kernels), cx->b, cx->a));
}

static char *format(Arena *a, const char *fmt, va_list ap)
{
    char text[1024];
    vsnprintf(text, sizeof text, fmt, ap);
    return arena_strn(a, text, strlen(text));
}

void sema_error(Cx *cx, DiagCode code, Span sp, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    report(cx, DIAG_ERROR, code, sp, format(cx->a, fmt, ap));
    va_end(ap);
}

void sema_limit(Cx *cx, DiagCode code, Span sp, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    report(cx, DIAG_LIMIT, code, sp, format(cx->a, fmt, ap));
    va_end(ap);
}

void sema_note(Cx *cx, Span sp, const char *fmt, ...)
{
    if (!cx->told) return;
    va_list ap;
    va_start(ap, fmt);
    diag_note(cx->d, sp, "%s", format(cx->a, fmt, ap));
    va_end(ap);
}

const char *sema_list(Arena *a, const char *const *names, size_t n)
{
    const char *s = "";
    for (size_t i = 0; i < n; i++) s = arena_strf(a, "%s%s%s", s, i ? ", " : "", names[i]);
    return s;
}

void sema_unknown(Cx *cx, DiagCode code, Span sp, const char *what, const char *name, const char *const *known, size_t n)
{
    const char *near = diag_nearest(name, known, n);
    if (near) sema_error(cx, code, sp, "no %s is called %.60s; did you mean %s?", what, name, near);
    else if (n && n <= 12) sema_error(cx, code, sp, "no %s is called %.60s; there are %s", what, name, sema_list(cx->a, known, n));
    else sema_error(cx, code, sp, "no %s is called %.60s", what, name);
}
