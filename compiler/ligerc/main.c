/* main.c: ligerc, the compiler's program: reads the command line, runs one command, ends with its exit code. */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void show_diagnostics(const Options *o, const Diag *d)
{
    Buf b = {0};
    bool color = !strcmp(o->color, "always") || (!strcmp(o->color, "auto") && isatty(2) && !getenv("NO_COLOR"));
    if (!d->n)
        return;
    if (!strcmp(o->diagnostics, "json"))
        diag_render_json(d, &b);
    else
        diag_render_text(d, &b, color);
    fwrite(b.p, 1, b.n, stderr);
    buf_free(&b);
}

int main(int argc, char **argv)
{
    static const struct { const char *name; int (*run)(const Options *); } commands[] = {
        {"build", cmd_build}, {"check", cmd_check}, {"inspect", cmd_inspect}, {"targets", cmd_targets}, {"ops", cmd_ops}, {"explain", cmd_explain}};
    Options o;
    int status = options_parse(argc, argv, &o);
    if (status != EXIT_DONE)
        return status;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (!strcmp(o.command, commands[i].name))
            return commands[i].run(&o);
    return EXIT_USAGE;
}
