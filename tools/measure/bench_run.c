/* bench_run.c: cases in a process of their own, see bench_case.h. */
#include "bench_case.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Said { int nth; BenchRow row; } Said;

static _Noreturn void run_child(const BenchRun *b, const char *const *cases, int from, int n, int to)
{
    const char *why;
    Measure m = {0};
    if (lgr_context_create(NULL, &m.ctx) != LGR_OK || lgr_pack_open_memory(m.ctx, b->pack, b->pack_size) != LGR_OK ||
        (b->with && lgr_pack_open_memory(m.ctx, b->with, b->with_size) != LGR_OK))
        measure_die("bench");
    if (!b->host && !(m.gpu = gpu_open(&why))) {
        fprintf(stderr, "bench: no GPU: %s\n", why);
        _exit(6);
    }
    m.stream = m.gpu ? gpu_stream(m.gpu) : NULL;
    for (int i = from; i < n; i++) {
        Case c;
        Said s = {.nth = i};
        if (!measure_parse(&m, cases[i], &c))
            _exit(2);
        bench_case(&m, &c, &s.row);
        if (write(to, &s, sizeof s) != (ssize_t)sizeof s)
            _exit(3);
    }
    _exit(0);
}

static bool stopped(const BenchRun *b) { return b->stop && *b->stop; }

/* Cases from `from` on; the first that has no row. */
static int run_some(const BenchRun *b, const char *const *cases, int from, int n, int *status)
{
    int p[2];
    Said s;
    *status = 0;
    if (pipe(p))
        return from;
    fflush(NULL);
    pid_t pid = fork();
    if (!pid) {
        close(p[0]);
        measure_plain_signals();
        run_child(b, cases, from, n, p[1]);
    }
    close(p[1]);
    while (pid > 0 && !stopped(b) && read(p[0], &s, sizeof s) == (ssize_t)sizeof s) {
        b->row(b->self, s.nth, &s.row);
        from = s.nth + 1;
    }
    if (pid > 0 && stopped(b))
        kill(pid, SIGKILL);
    close(p[0]);
    if (pid > 0)
        waitpid(pid, status, 0);
    return from;
}

int bench_run(const BenchRun *b, const char *const *cases, int n)
{
    for (int at = 0; at < n && !stopped(b);) {
        int status, first = at;
        at = run_some(b, cases, at, n, &status);
        int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        if (at == n || stopped(b))
            break;
        if (first == 0 && at == 0 && (code == 2 || code == 6))
            return code;
        b->row(b->self, at++, NULL);
    }
    return 0;
}
