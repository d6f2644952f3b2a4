/* `highway serve ROLE`: one role in this process until SIGTERM or SIGINT. */
#pragma once
int serve_command(int argc, char **argv);
