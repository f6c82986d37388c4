//! Which properties the records have: names as in weclapp's own OpenAPI document of version 2 (2026-03-24).

/// The properties of a record, or of a part of one.
pub(crate) struct Properties {
    /// May be sent.
    pub(crate) writable: &'static [&'static str],
    /// Are only answered.
    pub(crate) read_only: &'static [&'static str],
    /// Cannot be filtered by.
    pub(crate) unfilterable: &'static [&'static str],
}

impl Properties {
    /// Whether there is such a property.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.writable.contains(&name) || self.read_only.contains(&name)
    }
}

/// `party`.
#[rustfmt::skip]
pub(crate) const PARTY: Properties = Properties {
    writable: &[
        "addresses", "bankAccounts", "birthDate", "commercialLanguageId", "commissionBlock",
        "commissionSalesPartners", "company", "company2", "companySizeId", "competitor", "contacts",
        "currencyId", "customAttributes", "customer", "customerAllowDropshippingOrderCreation",
        "customerAmountInsured", "customerAnnualRevenue", "customerBlockNotice", "customerBlocked",
        "customerBusinessType", "customerCategoryId", "customerCreditLimit", "customerCurrentSalesStageId",
        "customerDebtorAccountId", "customerDebtorAccountingCodeId", "customerDefaultHeaderDiscount",
        "customerDefaultHeaderSurcharge", "customerDefaultShippingCarrierId", "customerDefaultWarehouseId",
        "customerDeliveryBlock", "customerInsolvent", "customerInsured", "customerInternalNote",
        "customerLossDescription", "customerLossReasonId", "customerNonStandardTaxId", "customerNumber",
        "customerNumberOld", "customerPaymentMethodId", "customerSalesChannel",
        "customerSalesOrderPaymentType", "customerSalesProbability", "customerSatisfaction",
        "customerShipmentMethodId", "customerSupplierNumber", "customerTermOfPaymentId",
        "customerUseCustomsTariffNumber", "deliveryAddressId", "deliveryEmailAddressesId", "description",
        "dunningAddressId", "dunningEmailAddressesId", "email", "emailHome",
        "enableDropshippingInNewSupplySources", "eoriNumber", "factoring", "fax", "firstName", "fixPhone2",
        "fixedResponsibleUser", "formerSalesPartner", "habitualExporter", "imageId", "invoiceAddressId",
        "invoiceBlock", "invoiceRecipientId", "lastName", "leadRatingId", "leadSourceId", "leadStatus",
        "legalFormId", "middleName", "mobilePhone1", "mobilePhone2", "onlineAccounts", "optInEmail",
        "optInLetter", "optInPhone", "optInSms", "parentPartyId", "partyEmailAddresses",
        "partyHabitualExporterLettersOfIntent", "partyType", "personCompany", "personDepartmentId",
        "personRoleId", "phone", "phoneHome", "primaryAddressId", "primaryContactId",
        "purchaseEmailAddressesId", "purchaseViaPlafond", "quotationEmailAddressesId", "ratingId",
        "referenceNumber", "responsibleUserId", "salesInvoiceEmailAddressesId",
        "salesOrderEmailAddressesId", "salesPartner", "salesPartnerDefaultCommissionFix",
        "salesPartnerDefaultCommissionPercentage", "salesPartnerDefaultCommissionType", "salutation",
        "sectorId", "supplier", "supplierActive", "supplierCreditorAccountId",
        "supplierCreditorAccountingCodeId", "supplierCustomerNumberAtSupplier",
        "supplierDefaultShippingCarrierId", "supplierInternalNote", "supplierMergeItemsForOcrInvoiceUpload",
        "supplierMinimumPurchaseOrderAmount", "supplierNonStandardTaxId", "supplierNumber",
        "supplierNumberOld", "supplierOrderBlock", "supplierPaymentMethodId", "supplierShipmentMethodId",
        "supplierTermOfPaymentId", "tags", "taxId", "titleId", "topics", "vatIdentificationNumber",
        "website", "xRechnungLeitwegId",
    ],
    read_only: &[
        "convertedOnDate", "createdDate", "customerSalesStageHistory", "id", "lastModifiedDate",
        "publicPageExpirationDate", "publicPageUuid", "regionId", "version",
    ],
    unfilterable: &[
        "addresses", "bankAccounts", "commercialLanguageId", "commissionSalesPartners", "contacts",
        "customAttributes", "customerSalesStageHistory", "emailHome", "mobilePhone1", "onlineAccounts",
        "partyEmailAddresses", "partyHabitualExporterLettersOfIntent", "topics",
    ],
};

/// `address`.
#[rustfmt::skip]
pub(crate) const ADDRESS: Properties = Properties {
    writable: &[
        "city", "company", "company2", "countryCode", "deliveryAddress", "firstName",
        "globalLocationNumber", "invoiceAddress", "lastName", "phoneNumber", "postOfficeBoxCity",
        "postOfficeBoxNumber", "postOfficeBoxZipCode", "primaryAddress", "salutation", "state", "street1",
        "street2", "titleId", "zipcode",
    ],
    read_only: &[
        "createdDate", "id", "lastModifiedDate", "version",
    ],
    unfilterable: &[],
};

/// `salesOrder`.
#[rustfmt::skip]
pub(crate) const SALES_ORDER: Properties = Properties {
    writable: &[
        "advancePaymentAmount", "applyShippingCostsOnlyOnce", "cashAccountId", "commercialLanguage",
        "commission", "commissionSalesPartners", "currencyConversionLocked", "currencyConversionRate",
        "customAttributes", "customerHabitualExporterLetterOfIntentId", "customerId",
        "defaultShippingCarrierId", "defaultShippingReturnCarrierId", "deliveryAddress",
        "deliveryEmailAddresses", "description", "disableRecordEmailingRule", "dispatchCountryCode",
        "ecommerceOrder", "factoring", "fulfillmentProviderId", "headerDiscount", "headerSurcharge",
        "invoiceAddress", "invoiceRecipientId", "nonStandardTaxId", "note", "onlyServices", "orderDate",
        "orderItems", "orderNumber", "orderNumberAtCustomer", "paymentMethodId", "payments",
        "plannedDeliveryDate", "plannedProjectEndDate", "plannedProjectStartDate", "plannedShippingDate",
        "pricingDate", "projectGoals", "projectMembers", "projectModeActive", "quotationId",
        "recordAddress", "recordAsn", "recordComment", "recordCommentInheritance", "recordCurrencyId",
        "recordEmailAddresses", "recordFreeText", "recordFreeTextInheritance", "recordOpening",
        "recordOpeningInheritance", "responsibleUserId", "salesChannel", "salesInvoiceEmailAddresses",
        "salesOrderPaymentType", "sentToRecipient", "sepaDirectDebitMandateId", "servicePeriodFrom",
        "servicePeriodTo", "shipmentMethodId", "shippingCostItems", "shippingLabelsCount", "status", "tags",
        "template", "termOfPaymentId", "warehouseId",
    ],
    read_only: &[
        "advancePaymentStatus", "createdDate", "creatorId", "currencyConversionDate", "grossAmount",
        "grossAmountInCompanyCurrency", "id", "invoiced", "lastModifiedDate", "netAmount",
        "netAmountInCompanyCurrency", "paid", "servicesFinished", "shipped", "statusHistory", "version",
    ],
    unfilterable: &[
        "advancePaymentAmount", "commissionSalesPartners", "creatorId", "customAttributes",
        "deliveryAddress", "deliveryEmailAddresses", "disableRecordEmailingRule", "ecommerceOrder",
        "factoring", "invoiceAddress", "orderItems", "payments", "projectMembers", "recordAddress",
        "recordAsn", "recordEmailAddresses", "salesInvoiceEmailAddresses", "shippingCostItems",
        "statusHistory",
    ],
};

/// `salesOrderItem`.
#[rustfmt::skip]
pub(crate) const SALES_ORDER_ITEM: Properties = Properties {
    writable: &[
        "addPageBreakBefore", "articleId", "commissionSalesPartners", "customAttributes", "description",
        "descriptionFixed", "discountPercentage", "ecommerceOrderItemIds", "groupName", "invoicingType",
        "itemType", "manualPlannedWorkingTimePerUnit", "manualQuantity", "manualUnitCost",
        "manualUnitPrice", "note", "parentItemId", "picks", "plannedDeliveryDate", "plannedShippingDate",
        "plannedWorkingTimePerUnit", "positionNumber", "quantity", "reductionAdditionItems",
        "servicePeriodFrom", "servicePeriodTo", "taxId", "title", "unitCost", "unitId", "unitPrice",
    ],
    read_only: &[
        "contractChargeId", "createdDate", "grossAmount", "grossAmountInCompanyCurrency", "id",
        "invoicedQuantity", "lastModifiedDate", "netAmount", "netAmountForStatistics",
        "netAmountForStatisticsInCompanyCurrency", "netAmountInCompanyCurrency", "recommendedRetailPrice",
        "returnedQuantity", "serviceQuotaId", "shipped", "shippedQuantity", "tasks",
        "unitCostInCompanyCurrency", "unitPriceInCompanyCurrency", "version",
    ],
    unfilterable: &[],
};

/// `salesOrderShippingCostItem`.
#[rustfmt::skip]
pub(crate) const SALES_ORDER_SHIPPING_COST_ITEM: Properties = Properties {
    writable: &[
        "articleId", "discountPercentage", "ecommerceOrderItemIds", "manualUnitCost", "manualUnitPrice",
        "taxId", "unitCost", "unitPrice",
    ],
    read_only: &[
        "createdDate", "grossAmount", "grossAmountInCompanyCurrency", "id", "lastModifiedDate", "netAmount",
        "netAmountInCompanyCurrency", "reductionAdditionItems", "unitCostInCompanyCurrency",
        "unitPriceInCompanyCurrency", "version",
    ],
    unfilterable: &[],
};

/// `recordAddress`.
#[rustfmt::skip]
pub(crate) const RECORD_ADDRESS: Properties = Properties {
    writable: &[
        "city", "company", "company2", "countryCode", "firstName", "globalLocationNumber", "lastName",
        "middleName", "phoneNumber", "postOfficeBoxCity", "postOfficeBoxNumber", "postOfficeBoxZipCode",
        "salutation", "state", "street1", "street2", "titleId", "zipcode",
    ],
    read_only: &[],
    unfilterable: &[],
};

/// `salesInvoice`.
#[rustfmt::skip]
pub(crate) const SALES_INVOICE: Properties = Properties {
    writable: &[
        "bookingDate", "bookingText", "cancellationDate", "cancellationSlipCommissionBlock",
        "collectiveInvoicePositionPrintType", "commercialLanguage", "commission", "commissionBlock",
        "commissionSalesPartners", "costCenterId", "costTypeId", "creditResetsOrderState",
        "currencyConversionLocked", "currencyConversionRate", "customAttributes",
        "customerHabitualExporterLetterOfIntentId", "customerId", "deliveryAddress", "deliveryDate",
        "description", "directDebitFileCreated", "disableRecordEmailingRule", "dispatchCountryCode",
        "dueDate", "factoring", "headerDiscount", "headerSurcharge", "invoiceDate", "invoiceNumber",
        "nonStandardTaxId", "orderNumberAtCustomer", "paymentMethodId", "paymentStatus", "pricingDate",
        "recordAddress", "recordComment", "recordCommentInheritance", "recordCurrencyId",
        "recordEmailAddresses", "recordFreeText", "recordFreeTextInheritance", "recordOpening",
        "recordOpeningInheritance", "responsibleUserId", "salesChannel", "salesInvoiceItems",
        "salesInvoiceType", "salesOrderId", "salesOrders", "sentToRecipient", "sepaDirectDebitMandateId",
        "servicePeriodFrom", "servicePeriodTo", "shipmentMethodId", "shippingCostItems", "shippingDate",
        "status", "tags", "termOfPaymentId", "vatRegistrationNumber",
    ],
    read_only: &[
        "cancellationNumber", "cancellationSlipCommissionSettlementDone", "commissionSettlementDone",
        "createdDate", "creatorId", "currencyConversionDate", "directDebitFileLatestDate",
        "dunningBlockDateUntilDate", "dunningBlockNote", "dunningBlockState", "epcQrCodeReference",
        "grossAmount", "grossAmountInCompanyCurrency", "id", "lastModifiedDate", "netAmount",
        "netAmountInCompanyCurrency", "paid", "precedingSalesInvoiceId", "quotationId", "statusHistory",
        "version",
    ],
    unfilterable: &[
        "cancellationSlipCommissionSettlementDone", "commissionSalesPartners", "commissionSettlementDone",
        "creatorId", "customAttributes", "deliveryAddress", "disableRecordEmailingRule",
        "epcQrCodeReference", "factoring", "recordAddress", "recordCommentInheritance",
        "recordEmailAddresses", "recordFreeTextInheritance", "recordOpeningInheritance",
        "salesInvoiceItems", "salesOrderId", "salesOrders", "shippingCostItems", "statusHistory",
    ],
};

/// `salesInvoiceItem`.
#[rustfmt::skip]
pub(crate) const SALES_INVOICE_ITEM: Properties = Properties {
    writable: &[
        "accountId", "addPageBreakBefore", "articleId", "commissionSalesPartners", "cost2CostCenterId",
        "costCenterItems", "costTypeId", "creditedInvoiceItemId", "customAttributes", "deliveryDate",
        "description", "descriptionFixed", "discountPercentage", "groupName", "itemType", "manualQuantity",
        "manualUnitCost", "manualUnitPrice", "note", "parentItemId", "positionNumber", "quantity",
        "reductionAdditionItems", "servicePeriodFrom", "servicePeriodTo", "shippingDate", "taxId", "title",
        "unitCost", "unitId", "unitPrice",
    ],
    read_only: &[
        "contractItemId", "createdDate", "grossAmount", "grossAmountInCompanyCurrency", "id",
        "lastModifiedDate", "netAmount", "netAmountForStatistics",
        "netAmountForStatisticsInCompanyCurrency", "netAmountInCompanyCurrency", "recommendedRetailPrice",
        "salesInvoiceItemRelationships", "serialNumbers", "unitCostInCompanyCurrency",
        "unitPriceInCompanyCurrency", "version",
    ],
    unfilterable: &[],
};

/// `salesInvoiceShippingCostItem`.
#[rustfmt::skip]
pub(crate) const SALES_INVOICE_SHIPPING_COST_ITEM: Properties = Properties {
    writable: &[
        "articleId", "discountPercentage", "manualUnitCost", "manualUnitPrice", "taxId", "unitCost",
        "unitPrice",
    ],
    read_only: &[
        "createdDate", "grossAmount", "grossAmountInCompanyCurrency", "id", "lastModifiedDate", "netAmount",
        "netAmountInCompanyCurrency", "reductionAdditionItems", "unitCostInCompanyCurrency",
        "unitPriceInCompanyCurrency", "version",
    ],
    unfilterable: &[],
};

/// `shipment`.
#[rustfmt::skip]
pub(crate) const SHIPMENT: Properties = Properties {
    writable: &[
        "additionalDeliveryInformation", "commercialLanguage", "consolidationStoragePlaceId",
        "customAttributes", "customerPurchaseOrderNumber", "declaredValueAmount",
        "declaredValueAmountCurrencyId", "deliveryDate", "description", "destinationStoragePlaceId",
        "destinationWarehouseId", "dhlReceiverId", "disableRecordEmailingRule", "invoiceAddress",
        "invoiceRecipientId", "mainSalesOrderId", "packageHeight", "packageLength",
        "packageReferenceNumber", "packageReturnTrackingNumber", "packageReturnTrackingUrl",
        "packageTrackingNumber", "packageTrackingUrl", "packageWeight", "packageWidth", "parcels",
        "pickingInstructions", "recipientAddress", "recipientPartyId", "recordComment",
        "recordEmailAddresses", "recordFreeText", "recordOpening", "responsibleUserId",
        "salesInvoiceEmailAddresses", "salesOrders", "sentToRecipient", "shipmentItems", "shipmentMethodId",
        "shipmentNumber", "shipmentType", "shippingCarrierId", "shippingDate", "shippingLabelsCount",
        "shippingReturnCarrierId", "status", "tags", "totalWeight", "warehouseId",
    ],
    read_only: &[
        "createdDate", "creatorId", "id", "lastModifiedDate", "picksComplete", "purchaseOrders",
        "recipientCustomerNumber", "recipientSupplierNumber", "shippedFromAddress", "statusHistory",
        "version",
    ],
    unfilterable: &[
        "creatorId", "customAttributes", "disableRecordEmailingRule", "invoiceAddress", "parcels",
        "purchaseOrders", "recipientAddress", "recordEmailAddresses", "salesInvoiceEmailAddresses",
        "salesOrders", "shipmentItems", "shippedFromAddress", "statusHistory",
    ],
};

/// `salesOpenItem`.
#[rustfmt::skip]
pub(crate) const SALES_OPEN_ITEM: Properties = Properties {
    writable: &[
        "amount", "amountDiscount", "amountOpen", "amountPaid", "clearanceDate", "cleared",
        "openItemNumber", "openItemType", "paymentApplications",
    ],
    read_only: &[
        "createdDate", "id", "lastModifiedDate", "salesInvoiceId", "version",
    ],
    unfilterable: &[
        "paymentApplications",
    ],
};

/// `article`.
#[rustfmt::skip]
pub(crate) const ARTICLE: Properties = Properties {
    writable: &[
        "accountId", "accountingCodeId", "active", "applyCashDiscount", "articleAlternativeQuantities",
        "articleCalculationPrices", "articleCategoryId", "articleGrossWeight", "articleHeight",
        "articleImages", "articleLength", "articleNetWeight", "articleNumber", "articlePrices",
        "articleType", "articleWidth", "availableForSalesChannels", "availableInSale",
        "averageDeliveryTime", "barcode", "batchNumberRequired", "billOfMaterialPartDeliveryPossible",
        "catalogCode", "commissionRate", "contractBillingCycle", "contractBillingMode",
        "countryOfOriginCode", "customAttributes", "customerArticleNumbers", "customsDescription",
        "customsTariffNumberId", "defaultLoadingEquipmentIdentifierId", "defaultPriceCalculationType",
        "defaultStoragePlaces", "defineIndividualTaskTemplates", "description", "ean", "expenseAccountId",
        "expirationDays", "fixedPurchaseQuantity", "internalNote", "invoicingType", "launchDate",
        "loadingEquipmentArticleId", "longText", "manufacturerId", "manufacturerPartNumber",
        "marginCalculationPriceType", "matchCode", "minimumPurchaseQuantity", "minimumStockQuantity",
        "name", "packagingQuantity", "packagingUnitBaseArticleId", "packagingUnitParentArticleId",
        "plannedWorkingTimePerUnit", "primarySupplySourceId", "procurementLeadDays", "producerType",
        "productionArticle", "productionBillOfMaterialItems", "productionConfigurationRule",
        "purchaseCostCenterId", "quantityConversions", "ratingId", "recordItemGroupName", "safetyStockDays",
        "salesBillOfMaterialItems", "salesCostCenterId", "sellByDate", "sellFromDate",
        "serialNumberRequired", "serviceArticleForServiceQuotaBookingId", "serviceQuotaQuantity",
        "shortDescription1", "shortDescription2", "showOnDeliveryNote", "statusId", "supplySources",
        "supportUntilDate", "systemCode", "tags", "targetStockQuantity", "taxRateType", "unitId",
        "useAvailableForSalesChannels", "useSalesBillOfMaterialItemPrices",
        "useSalesBillOfMaterialItemPricesForPurchase", "useSalesBillOfMaterialSubitemCosts",
    ],
    read_only: &[
        "createdDate", "id", "lastModifiedDate", "lowLevelCode", "version",
    ],
    unfilterable: &[
        "articleAlternativeQuantities", "articleCalculationPrices", "articleImages", "articlePrices",
        "availableForSalesChannels", "customAttributes", "customerArticleNumbers", "defaultStoragePlaces",
        "productionBillOfMaterialItems", "quantityConversions", "salesBillOfMaterialItems", "supplySources",
    ],
};

/// `currency`.
#[rustfmt::skip]
pub(crate) const CURRENCY: Properties = Properties {
    writable: &[
        "currencySymbol", "name",
    ],
    read_only: &[
        "createdDate", "id", "lastModifiedDate", "version",
    ],
    unfilterable: &[],
};

/// `shippingCarrier`.
#[rustfmt::skip]
pub(crate) const SHIPPING_CARRIER: Properties = Properties {
    writable: &[
        "active", "ecommerceShippingCarrier", "internalShippingCarrier", "name", "positionNumber",
        "sendcloudContractId", "sendcloudContractName", "shippingServiceProviderType", "trackingUrl",
    ],
    read_only: &[
        "createdDate", "id", "lastModifiedDate", "version",
    ],
    unfilterable: &[
        "sendcloudContractId", "sendcloudContractName",
    ],
};
