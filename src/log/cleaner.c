#include "log/broker.h"

void hw_cleaner_look(struct hw_broker *broker) {}
void hw_cleaner_stop(struct hw_broker *broker) {}
