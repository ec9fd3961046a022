// The parts of the report page of `imgvec dupes --html`, compiled into the program.
#ifndef CREPORTPAGE_H
#define CREPORTPAGE_H

#include <stddef.h>

/// HTML with the places {{policy}}, {{style}}, {{data}} and {{script}} still to be filled.
const char *crp_html(void);
size_t crp_html_size(void);
const char *crp_style(void);
size_t crp_style_size(void);
const char *crp_script(void);
size_t crp_script_size(void);

#endif
