import type { StepContext } from '@dudousxd/nestjs-durable-core';
import { Injectable } from '@nestjs/common';

/** Where a warehouse's system would be called. */
@Injectable()
export class WarehouseService {
  async reserve(orderId: string, _step: StepContext) {
    return { reservationId: `reservation-of-${orderId}` };
  }

  async ship(orderId: string, _step: StepContext) {
    return { parcelId: `parcel-of-${orderId}` };
  }
}
